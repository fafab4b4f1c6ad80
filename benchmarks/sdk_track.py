"""Prints what `track()` costs the page's thread in Chromium: `make sdk-cost`. A measurement, not a test.

Events are tracked in bursts, with a server that accepts them. "with the queue" includes the microtasks that hand a
burst to IndexedDB. The cost of localStorage alone tells how busy the machine is; if it is, best and lower quarter say
more than the median.
"""

import statistics
from functools import partial
from http.server import ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, SiteHandler, find_chromium
from tests.browser.fault_server import FaultServer
from tests.browser.tracking import make_client
from tests.conftest import ROOT

BUDGET_US = 40
BURST = 50
ROUNDS = 100
MEASURE = """async ([rounds, burst]) => {
    const nextTask = () => new Promise((done) => setTimeout(done, 2));
    const time = (work) => {
        const began = performance.now();
        for (let i = 0; i < burst; i++) work(i);
        return (performance.now() - began) * 1000 / burst;
    };
    const text = 'x'.repeat(300), costs = { item: [], track: [], storage: [] };
    for (let round = 0; round < rounds; round++) {
        costs.item.push(time((i) => localStorage.setItem('item' + i, text)));
        for (let i = 0; i < burst; i++) localStorage.removeItem('item' + i);
        const began = performance.now();
        costs.track.push(time((n) => client.track('button_click', { button_id: 'save_profile', n })));
        for (let i = 0; i < 10; i++) await null;
        costs.storage.push((performance.now() - began) * 1000 / burst);
        await nextTask();
        await client.flush();
    }
    return costs;
}"""
NAMES = {"item": "localStorage.setItem", "track": "track()", "storage": "track() with the queue"}


def measure(page: Page, url: str) -> None:
    make_client(page, url)
    print(
        f"{'µs, of bursts of ' + str(BURST):<24} {'best':>6} {'25 %':>6} {'median':>6}   budget of track(): {BUDGET_US}"
    )
    for name, costs in page.evaluate(MEASURE, [ROUNDS, BURST]).items():
        quarter, median, _ = statistics.quantiles(costs[ROUNDS // 10 :], n=4)
        print(f"{NAMES[name]:<24} {min(costs):6.1f} {quarter:6.1f} {median:6.1f}")


def main() -> None:
    server = FaultServer()
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(SiteHandler, directory=str(ROOT)))
    site.daemon_threads = True
    Thread(target=site.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{site.server_address[1]}/plain.html")
        page.wait_for_function("!!window.AnalyticsClient")
        measure(page, server.url)
        browser.close()
    site.shutdown()
    server.stop()


if __name__ == "__main__":
    main()
