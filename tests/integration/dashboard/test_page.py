"""The dashboard in a real browser: status, search, resubmission and sending."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from orderstream.aws.metrics import MINUTE
from orderstream.client import OrderProducer
from orderstream.dashboard.components import MOST_SHOWN
from orderstream.domain.ids import event_id
from orderstream.local.alarms.evaluation_loop import LAG_SECONDS, AlarmEvaluationLoop
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.monitoring.collector import StatusCollector
from orderstream.storage.orders import raw_order
from tests.integration.conftest import awaited
from tests.integration.dashboard import browser as browsers
from tests.integration.dashboard.pages import find_order, in_quarantine, new_id, send, stored, tab
from tests.integration.local_orders import quarantined
from tests.integration.up import processes_of, up

pytestmark = pytest.mark.system


def test_an_order_of_the_form_is_stored_and_appears_among_the_latest_with_the_time_of_the_one_who_looks(
    page: Page, local: LocalCloud
) -> None:
    # Whatever is in it, it is the id and nothing else.
    order_id = f'{new_id()}","amount":"0.01\\'
    tab(page, "Send")
    page.get_by_label("customer").fill("of the form")
    page.get_by_label("order id").fill(order_id)
    page.get_by_label("amount").fill("1234.50")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text(f"Order {order_id} is stored.")).to_be_visible()
    sent = {"order_id": order_id, "customer_id": "of the form", "amount": "1234.50", "currency": "EUR"}
    assert json.loads(raw_order(local.deployment, order_id)) == sent
    tab(page, "Live")
    row = page.get_by_role("row").filter(has_text=order_id)
    expect(row).to_contain_text("1,234.50")
    expect(row).to_contain_text("of the form")
    at = datetime.fromisoformat(str(stored(local, order_id)["ReceivedAt"]))
    cell = row.get_by_role("cell").first
    expect(cell).to_contain_text(f"{at.astimezone(ZoneInfo(browsers.ZONE)):%H:%M:%S}")
    # With UTC over it.
    assert (cell.get_attribute("title") or "").startswith(f"{at:%Y-%m-%d %H:%M:%S}")


def test_a_bad_order_is_told_its_reasons_sent_only_all_the_same_and_mended_in_quarantine(
    page: Page, local: LocalCloud
) -> None:
    order_id = new_id()
    tab(page, "Send")
    page.get_by_label("amount").fill("-5")
    expect(page.get_by_text("$.amount must be greater than zero")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    page.get_by_label("amount").fill("5")
    expect(page.get_by_text("$.amount must be greater than zero")).to_be_hidden()
    expect(page.get_by_role("button", name="Send it anyway")).to_be_hidden()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    page.get_by_label("What is sent").fill(
        json.dumps({"order_id": order_id, "customer_id": "12345", "amount": -5})
    )
    page.get_by_role("button", name="Send it anyway").click()
    expect(page.get_by_text("goes to quarantine.").last).to_be_visible()
    in_quarantine(page, order_id).get_by_role("link", name=order_id).click()
    expect(page.get_by_text("not_positive")).to_be_visible()
    resubmit = page.get_by_role("button", name="Resubmit")
    resubmit.click()
    expect(page.get_by_text("Not sent: $.amount must be greater than zero")).to_be_visible()
    page.get_by_label("The order, as it will be sent").fill(
        json.dumps({"order_id": order_id, "customer_id": "12345", "amount": 5})
    )
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("It is an order now")).to_be_visible()
    resubmit.click()
    expect(page.get_by_text(f"Order {order_id} is stored.")).to_be_visible()
    assert stored(local, order_id)["OrderAmount"] == 5
    page.get_by_role("link", name="Show the order").click()
    expect(page.get_by_text(f"Order {order_id}", exact=True)).to_be_visible()
    tab(page, "Quarantine")
    row = page.get_by_role("row").filter(has_text=order_id)
    expect(page.get_by_text("Last day")).to_be_visible()
    expect(row).to_be_hidden()
    page.get_by_text("Show resubmitted").click()
    row.get_by_role("link", name=order_id).click()
    expect(page.get_by_text("resubmitted", exact=False).first).to_be_visible()


def test_a_page_that_nobody_sees_asks_nothing(browser: Browser, url: str, local: LocalCloud) -> None:
    with browsers.opened(browser, url) as (hidden, _), browsers.opened(browser, url) as (visible, _):
        expect(hidden.get_by_text("are quiet")).to_be_visible()
        # A browser without a window hides nothing: so the page is told.
        hidden.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        hidden.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        order_id = send(local)
        expect(visible.get_by_text(order_id)).to_be_visible()
        expect(hidden.get_by_text(order_id)).to_be_hidden()
        hidden.evaluate("delete document.hidden")
        hidden.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(hidden.get_by_text(order_id)).to_be_visible()


def test_orders_up_serves_page_and_docs_ends_cleanly_while_they_are_open_and_they_heal_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    options = ("--empty", "--http-port", str(free_port()))
    with ExitStack() as looking:
        with up(tmp_path, *options) as running:
            running.await_ready()
            (url,) = awaited(
                lambda: re.findall(r"^dashboard on (\S+)$", running.log.read_text(), re.MULTILINE)
            )
            root = url.removesuffix("/live")
            page, errors = looking.enter_context(browsers.opened(browser, root))
            expect(page).to_have_url(f"{url}/")
            expect(page.get_by_text("there is no stack orderstream here")).to_be_visible()
            expect(page.get_by_text("orders deploy")).to_be_visible()
            with browsers.opened(browser, f"{root}/docs") as (docs, _):
                # With examples, and nothing that comes over the network.
                docs.get_by_text("Send an order", exact=True).click()
                expect(docs.get_by_text('"customer_id": "12345"').first).to_be_visible()
            errors.expected += browsers.LOST
            assert running.stop() == 0
            lost = page.get_by_text("Connection lost")
            expect(lost).to_be_visible()
        awaited(lambda: not processes_of(running.mark))
        assert "Traceback" not in running.log.read_text()
        looking.enter_context(up(tmp_path, *options)).await_ready()
        expect(lost).to_be_hidden()
        expect(page.get_by_text("there is no stack orderstream here")).to_be_visible()


def test_on_aws_it_opens_with_its_token_alone_and_sends_only_what_is_meant(
    browser: Browser, local: LocalCloud, tmp_path: Path
) -> None:
    # The local cloud by an address that is not known for one.
    aws = local.environment | {"AWS_ENDPOINT_URL": local.endpoint_url.replace("127.0.0.1", "127.1")}
    order_id = new_id()
    with browsers.dashboard(aws, tmp_path) as url:
        address, _, token = url.removesuffix("/").rpartition("/")
        assert address.endswith("/live") and len(token) > 20
        answer = httpx.get(url)
        assert "Quarantine" in answer.text and answer.headers["x-frame-options"] == "DENY"
        root = address.removesuffix("/live")
        for refused in (root, address, f"{address}/", f"{address}/other/", f"{address}/orders", f"{root}/x"):
            refusal = httpx.get(refused)
            assert refusal.status_code == 403 and "Quarantine" not in refusal.text
        assert httpx.get(url, headers={"Host": "shop.example"}).status_code == 403
        with browsers.opened(browser, url) as (page, _):
            expect(page.get_by_text("Polling costs $")).to_be_visible()
            tab(page, "Send")
            page.get_by_label("order id").fill(order_id)
            page.get_by_role("button", name="Send", exact=True).click()
            expect(page.get_by_text("it is an order like every other")).to_be_visible()
            page.get_by_role("button", name="Cancel").click()
            expect(page.get_by_text("it is an order like every other")).to_be_hidden()
            page.get_by_role("button", name="Send", exact=True).click()
            page.get_by_role("button", name="Send it", exact=True).click()
            expect(page.get_by_text(f"Order {order_id} is stored.")).to_be_visible()
            # Every page has the token in its address, and so can be loaded again.
            page.get_by_role("link", name="Show the order").click()
            expect(page).to_have_url(f"{url}orders/{order_id}")
            page.reload()
            expect(page.get_by_text("Item in the table")).to_be_visible()


def test_it_shows_figures_and_an_alarm_with_what_to_do_and_heals_when_the_cloud_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()

    def local() -> LocalCloud:
        return LocalCloud(
            port=port, state_dir=tmp_path / "state", progress=lambda step: None, problem=lambda line: None
        )

    with ExitStack() as looking:
        with local() as running:
            order_id = two_orders_under_one_id(running)
            url = looking.enter_context(browsers.dashboard(running.environment, tmp_path))
            page, _ = looking.enter_context(browsers.opened(browser, url))
            expect(page.get_by_text("1 alarm", exact=True)).to_be_visible()
            expect(page.get_by_text("Different orders have the same id.")).to_be_visible()
            page.get_by_text("What to do").click()
            expect(page.get_by_text("orders quarantine list --code conflict")).to_be_visible()
            for title in ("Orders in", "Stored", "Waiting orders", "Retention left"):
                expect(page.get_by_text(title, exact=True)).to_be_visible()
            expect(page.get_by_text("of the 72 h that the stream keeps a waiting order")).to_be_visible()
            expect(page.get_by_text(re.compile(r"^SEK\s[0-9]"))).to_be_visible()
            expect(page.locator("canvas").first).to_be_visible()
        expect(page.get_by_text("cannot read", exact=True)).to_be_visible()
        expect(page.get_by_text("is the local cloud running")).to_be_visible()
        looking.enter_context(local())
        expect(page.get_by_text("is the local cloud running")).to_be_hidden()
        find_order(page, order_id)
        expect(page.get_by_text("Item in the table")).to_be_visible()


def two_orders_under_one_id(local: LocalCloud) -> str:
    """The fault, and an early end of the minute in which it is."""
    local.alarms.stop()
    order_id = send(local, currency="SEK")
    with OrderProducer(local.deployment.stream, local.cloud.kinesis_no_retry) as producer:
        producer.send({"order_id": order_id, "customer_id": "12345", "amount": 2})

    def is_counted() -> bool:
        # A new one, because one asks only once a minute which currencies there are.
        watch = StatusCollector(local.deployment)
        return watch.collect().counts["conflicts"].five_minutes > 0 and "SEK" in watch.revenue

    awaited(is_counted)
    end = (int(time.time()) // MINUTE + 1) * MINUTE
    AlarmEvaluationLoop(local.cloud, pytest.fail).evaluate_all(end + LAG_SECONDS)
    return order_id


@pytest.fixture(scope="module")
def leaked() -> Iterator[tuple[str, list[str]]]:
    """The address of somebody else's server, and what was asked of it."""
    asked: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/leak", asked
        server.shutdown()


def markup(url: str) -> str:
    """What shows if anything that a shop writes is taken for more than text."""
    image = f"![x]({url}) <img src='{url}' onerror='alert(1)'>"
    return f"```\n{image} <style>body {{display: none}}</style> {{{{1+1}}}}"


def has_only_text(page: Page) -> bool:
    return page.locator("img, style:text('display: none'), h1, pre code, [onerror]").count() == 0


def answers_soon(url: str) -> None:
    """The server is not busy with what it shows."""
    assert httpx.get(url, timeout=10).elapsed.total_seconds() < 5


def test_what_a_shop_writes_is_shown_as_text_at_once_and_saved_byte_for_byte(
    page: Page, url: str, local: LocalCloud, leaked: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = leaked
    hostile = markup(address)
    order_id = send(local, customer_id=hostile.replace("\n", " "), note=hostile, more="[" * 380_000)
    find_order(page, order_id)
    expect(page.get_by_text('"CustomerID": "``` ![x](http').first).to_be_visible()
    expect(page.get_by_text("the first 20,000 characters are shown")).to_be_visible()
    answers_soon(url)
    shown = page.get_by_text('"more"').last.inner_text()
    assert f"![x]({address})" in shown and "{{1+1}}" in shown and len(shown) == MOST_SHOWN
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save").last.click()
    saving.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == raw_order(local.deployment, order_id)
    assert saving.value.suggested_filename == "order.json"
    assert has_only_text(page) and asked == []


def test_a_record_that_is_too_large_to_be_edited_is_text_too(
    page: Page, url: str, local: LocalCloud, leaked: tuple[str, list[str]]
) -> None:
    address, asked = leaked
    data = f"{markup(address)}\n# more\n{'[' * 500_000}".encode()
    with OrderProducer(local.deployment.stream, local.cloud.kinesis_no_retry) as producer:
        sent = producer.send_bytes(data, partition_key="k").result()
    awaited(lambda: event_id(sent.shard_id, sent.sequence_number) in quarantined(local))
    in_quarantine(page, "bytes").get_by_role("link").click()
    expect(page.get_by_text("are too many for an order")).to_be_visible()
    expect(page.get_by_text(f"![x]({address})")).to_be_visible()
    answers_soon(url)
    assert has_only_text(page) and asked == []
