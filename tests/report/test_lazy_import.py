import subprocess
import sys


def test_matplotlib_is_imported_when_something_is_drawn_and_not_before():
    words = (
        "import sys, jetlego.report, jetlego.report.page, jetlego.report.compare, jetlego.report.data_plots;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'matplotlib', 'mplhep', 'jinja2', 'torch'}))"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
