"""The tree of commands. Their files import nothing heavy until called, so that ``--help`` answers at once."""

from __future__ import annotations

from cyclopts import App, Group

from jetlego import __version__
from jetlego.cli.accept import accept
from jetlego.cli.bench import bench
from jetlego.cli.bricks import bricks
from jetlego.cli.data_check import check
from jetlego.cli.data_convert import convert
from jetlego.cli.data_generate import generate
from jetlego.cli.data_prepare import prepare
from jetlego.cli.data_schemas import schemas
from jetlego.cli.data_show import show as data_show
from jetlego.cli.demo import demo
from jetlego.cli.evaluate import evaluate
from jetlego.cli.predict import predict
from jetlego.cli.report import report
from jetlego.cli.show import show
from jetlego.cli.train import train

RUNS = Group("Runs", sort_key=1)
DATA = Group("Jets", sort_key=2)
BUILDING = Group("Networks", sort_key=3)

app = App(
    name="jetlego",
    help="Deep learning as an architectural language for jets: read, cluster, build, train, report.",
    version=__version__,
    help_flags=["--help", "-h"],
    help_format="plaintext",  # markdown would load a parser of its own, a quarter of the time of --help
    result_action="return_value",
)
for command in (train, evaluate, predict, report, bench):
    app.command(command, group=RUNS)

data = App(name="data", help="Look at jets, check, prepare, convert or simulate them.", group=DATA)
data.command(data_show, name="show")
for command in (check, prepare, convert, generate, schemas):
    data.command(command)
app.command(data)

app.command(show, group=BUILDING)
app.command(demo, group=BUILDING)
app.command(bricks, group=BUILDING)
app.command(accept, group=BUILDING)
