"""The benchmarks: measure, print the tables, and with --write put them into docs/.

Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from bench import pages, plot, report, screenshot
from bench.harness import environment
from bench.report import Results

# Each has `measure`, whose parameters are the options of its command, and `report`.
BENCHMARKS: dict[str, Any] = {
    name: import_module(f"bench.{name}")
    for name in (
        "handlers",
        "lifecycle",
        "feed",
        "producer",
        "local_cloud",
        "start_up",
        "growth",
        "archive",
        "http_api",
    )
}


def blocks(name: str, results: dict[str, Any]) -> list[str]:
    """What the page has about a benchmark."""
    return [report.environment_line(results["environment"]), *BENCHMARKS[name].report(results)]


def _publish(measured: Results, write: bool) -> None:
    for name, results in measured.items():
        found = blocks(name, results)
        print("\n\n".join(found))
        if write:
            # The results of the others stay as they were.
            report.save(pages.RESULTS, report.load(pages.RESULTS) | measured)
            page = pages.PAGES[name]
            page.write_text(report.with_section(page.read_text(), name, found))
            if name == "handlers":
                plot.draw(results, pages.PICTURE)


# The options that are given before the command, where the command sees them before it measures.
_given = {"write": False}

app = typer.Typer(
    help=__doc__, add_completion=False, pretty_exceptions_enable=False, result_callback=_publish
)


@app.callback()
def _options(
    write: Annotated[bool, typer.Option("--write", help="Put the results into docs/.")] = False,
) -> None:
    _given["write"] = write


def _command(name: str) -> Callable[..., Results]:
    @functools.wraps(BENCHMARKS[name].measure)
    def run(**sizes: Any) -> Results:
        if sizes.get("only") and _given["write"]:
            raise typer.BadParameter("--write is for whole runs: the page has the figures of one")
        return {name: {"environment": environment()} | BENCHMARKS[name].measure(**sizes)}

    return run


for benchmark in BENCHMARKS:
    about = BENCHMARKS[benchmark].__doc__
    app.command(benchmark.replace("_", "-"), help=about)(_command(benchmark))


@app.command("tables")
def _tables() -> Results:
    """The tables of the results that are in docs/; with --write they replace those on the pages."""
    return report.load(pages.RESULTS)


@app.command("screenshot")
def _screenshot(minutes: float = 12) -> Results:
    """Take the pictures of the dashboard for the README, after so many minutes of traffic."""
    screenshot.take_all(minutes)
    return {}


if __name__ == "__main__":
    app()
