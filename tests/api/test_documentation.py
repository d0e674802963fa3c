"""The page at /docs, in a real browser that is offline."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.servers import Server
from tests.browser import visiting


def test_docs_list_every_endpoint_and_ask_no_other_host(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    with visiting() as browse:
        visit = browse(f"{server.url}/docs")
        listed = visit.page.locator(".opblock-summary-path")
        expect(listed).to_have_count(sum(map(len, paths.values())))
        assert set(listed.evaluate_all("all => all.map(each => each.dataset.path)")) == set(paths)
        visit.screenshot("docs")
        # a breach of the page's policy would be said on the console
        assert visit.strangers + visit.said == []


def test_docs_try_an_endpoint_out(server: Server) -> None:
    with visiting() as browse:
        visit = browse(f"{server.url}/docs")
        page = visit.page
        page.locator("#operations-forecasts-predict_child_predict_child_post").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        answer = page.locator(".live-responses-table .response .response-col_status")
        expect(answer).to_have_text("200", timeout=30_000)
        assert visit.strangers + visit.said == []


def test_docs_may_load_nothing_from_elsewhere(server: Server) -> None:
    policy = server.client.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
