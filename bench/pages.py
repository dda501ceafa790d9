"""Where the benchmarks publish: no other module of bench names a file of docs/."""

from reference import PROJECT

DOCS = PROJECT / "docs"
EXPLANATION = DOCS / "explanation"
RESULTS = DOCS / "performance.json"
PICTURE = DOCS / "performance.png"
# Of pages of the dashboard, as wide as a desktop shows them.
SCREENSHOTS = {
    (page, scheme): DOCS / f"{page}-{scheme}.png"
    for page in ("live", "timeline")
    for scheme in ("light", "dark")
}
# Those that no page of docs/ shows.
BUILT_SCREENSHOTS = PROJECT / "build" / "dashboard"
# The tables of each benchmark are on its page, between two marks `<!-- NAME -->`.
PAGES = {
    "handlers": EXPLANATION / "performance.md",
    "lifecycle": EXPLANATION / "performance.md",
    "feed": EXPLANATION / "performance.md",
    "producer": EXPLANATION / "performance.md",
    "local_cloud": EXPLANATION / "performance.md",
    "start_up": EXPLANATION / "performance.md",
    "growth": EXPLANATION / "performance.md",
    "archive": EXPLANATION / "archive.md",
    "http_api": EXPLANATION / "http-api.md",
}
