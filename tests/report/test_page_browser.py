"""The page in a real browser: it renders every figure, asks for nothing and complains of nothing."""

import json
import shutil
import subprocess

import pytest
from oracles.html_page import Page
from oracles.toy_jets import toy_jets, toy_scores

from jetlego.report.contents import ReportContents
from jetlego.report.page import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    jets = toy_jets(60, classes=("top", '<script>document.title="x"</script>'))
    rows = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e} for e in (1, 2)]
    contents = ReportContents(
        title="in a browser", classes=jets.classes, label=jets.label, scores=toy_scores(jets.label),
        jet=dict(jets.jet), epochs=rows, jets=jets,
    )  # fmt: skip
    return write_report(contents, tmp_path_factory.mktemp("browser") / "report.html")


def browse(tmp_path, address, *options):
    words = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr", "--v=0", *options, address,
    ]  # fmt: skip
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)


def test_page_loads_without_complaint(tmp_path, page):
    done = browse(tmp_path, page.as_uri(), "--dump-dom")
    assert "CONSOLE" not in done.stderr
    dom = Page(done.stdout)
    assert "in a browser" in dom.text
    assert "<title>in a browser" in done.stdout
    assert len(dom.all("img")) == 15


def test_every_figure_is_decoded_at_its_size_and_nothing_is_asked_for(tmp_path, page):
    """Ask the browser itself: a copy of the page under a policy that lets this one test script run."""
    probe = (
        "<script>window.onload = () => { const seen = [...document.images].map("
        "i => [i.complete, i.naturalWidth, i.naturalHeight, i.getBoundingClientRect().width]);"
        "document.body.setAttribute('data-seen', JSON.stringify(seen));"
        "const asked = performance.getEntriesByType('resource').map(e => e.name);"
        "document.body.setAttribute('data-asked', JSON.stringify(asked)); };</script></body>"
    )
    policy = "style-src 'unsafe-inline'"
    text = page.read_text(encoding="utf-8").replace(policy, f"{policy}; script-src 'unsafe-inline'")
    copy = tmp_path / "probe.html"
    copy.write_text(text.replace("</body>", probe), encoding="utf-8")
    done = browse(tmp_path, copy.as_uri(), "--dump-dom", "--virtual-time-budget=5000")
    (body,) = Page(done.stdout).all("body")
    assert [name for name in json.loads(body["data-asked"]) if not name.startswith("data:")] == []
    seen = json.loads(body["data-seen"])
    assert len(seen) == 15
    for complete, width, height, shown in seen:
        assert complete
        assert width > 200
        assert height > 150
        assert shown > 200


@pytest.mark.slow
def test_the_policy_stops_a_script(tmp_path, page):
    """The same probe under the page's own policy does not run, and the browser says why."""
    probe = "<script>document.body.setAttribute('data-ran', '1')</script></body>"
    copy = tmp_path / "stopped.html"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")
    done = browse(tmp_path, copy.as_uri(), "--dump-dom")
    assert "data-ran" not in done.stdout.split("<script", 1)[0]
    assert "Content Security Policy" in done.stderr
