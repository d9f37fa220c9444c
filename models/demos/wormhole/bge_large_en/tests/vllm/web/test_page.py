# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The page as a visitor sees it: what is shown is what the server, fp32 or the files say.

pytest -m browser; with BGE_SCREENSHOTS=FOLDER each view is also left there as a picture.
"""

import json
import re
import socket
import urllib.parse
from contextlib import ExitStack

import pytest

pytest.importorskip("prometheus_client")

from models.demos.wormhole.bge_large_en.demo import web_demo  # noqa: E402
from models.demos.wormhole.bge_large_en.demo.search.passages import read_passages  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.test_metrics import samples, total  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, post  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.web.browser import NARROW  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.web.conftest import FILES, SLOTS  # noqa: E402

QUERY = "how do insects find their food?"
FIELD = "input[aria-label=Query]"
KITCHEN = "Onions make you cry because cutting them sets free a gas that turns into a weak acid on the wet surface of the eye."
CLOSE = 0.02  # of a cosine to fp32's, as the search demo's own tests allow
MANY = 400  # passages, which take the emulated device longer than a click


@pytest.fixture
def opened(browser, page):
    """The page with its folder embedded."""
    browser.open(page)
    browser.see("44 passages of 10 files")
    return browser


def ask(browser, query: str) -> list[list[str]]:
    """The hits: [score, text, source]."""
    before = browser.texts("[role=list]")
    browser.type(FIELD, query + "\n")
    browser.until(lambda: browser.texts("[role=list]") not in (before, []), "other hits")
    browser.settle()
    return hits(browser)


def hits(browser, column: int = 0) -> list[list[str]]:
    found = [
        hit for shown in browser.all("[role=list]")[column:][:1] for hit in shown.find_elements("css selector", ".hit")
    ]
    return [hit.text.split("\n") for hit in found]


def test_search_shows_the_best_passages_their_scores_and_files(opened, texts, reference):
    found = ask(opened, QUERY)
    passages = read_passages(texts / "animals.txt")
    rows = reference.encode([QUERY, *(passage.text for passage in passages)])
    exact = {passage.text: float(rows[0] @ row) for passage, row in zip(passages, rows[1:])}
    assert {source for _, _, source in found} == {"animals.txt"}
    assert [float(score) for score, _, _ in found] == pytest.approx([exact[text] for _, text, _ in found], abs=CLOSE)
    assert [text for _, text, _ in found[:2]] == sorted(exact, key=exact.get, reverse=True)[:2]
    widths = [float(bar.get_attribute("style").split(":")[1].strip(" %;")) for bar in opened.all(".hit .bar div")]
    assert widths == pytest.approx([100 * float(score) for score, _, _ in found], abs=0.6)
    assert ask(opened, "Why do I have to weep in the kitchen?")[0][1:] == [KITCHEN, "kitchen.txt"]
    opened.shoot("search")


def test_the_panel_says_what_the_server_says(opened, embedder):
    ask(opened, QUERY)
    opened.see("Median answer")
    rows = dict(line.split("\t") for line in "\n".join(opened.texts(".facts")).splitlines() if "\t" in line)
    counted = samples(embedder)
    assert NAME in opened.body() and rows["Runs on"] == "emulated Wormhole" and rows["Profile"] == "performance"
    assert rows["Longest text"] == "256 tokens" and rows["vLLM"].startswith("0.")
    assert "say nothing of a card" in opened.body()
    assert 0 < int(rows["Device steps"].replace(",", "")) <= total(counted, "vllm:tt_device_steps_total")
    assert float(rows["Warm-up"].split()[0]) == pytest.approx(total(counted, "vllm:tt_warm_up_time_seconds"), abs=0.06)
    # 44 passages and the query, of which the reference's tokenizer would count as many.
    assert int(rows["Tokens"].replace(",", "")) > 44 * 10 and re.fullmatch(r"[\d,]+ ms", rows["Last answer"])


def test_the_map_has_every_passage_its_file_and_the_query(opened, texts):
    from selenium.webdriver.common.action_chains import ActionChains

    ask(opened, QUERY)
    opened.go_to("Map")
    points = opened.until(lambda: opened.all(".mark-symbol.role-mark path"), "points")
    opened.settle()
    assert len(points) == 44 + 1
    assert len({point.value_of_css_property("fill") for point in points}) == len(FILES) + 1
    assert QUERY in opened.texts(".vega-embed text") and "kitchen.txt" in opened.texts(".vega-embed text")
    assert len(opened.all(".mark-rule.role-mark line")) == 5
    opened.shoot("map")
    ActionChains(opened.driver).move_to_element(opened.all(".mark-symbol.role-mark path")[0]).perform()
    tip = opened.until(lambda: opened.texts("#vg-tooltip-element.visible"), "a tip")[0]
    assert read_passages(texts / "animals.txt")[0].text in tip and "animals.txt" in tip and "similarity" in tip
    opened.shoot("hover")


def test_compare_shows_the_similarities_of_lines(browser, page, reference):
    lines = ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates were raised."]
    browser.open(f"{page}/compare")
    browser.type("textarea", "\n".join(lines))
    browser.click("button", "Compare")
    cells = browser.until(lambda: browser.texts(".vega-embed .mark-text.role-mark text"), "a matrix")
    rows = reference.encode(lines)
    shown = [float(cell.replace("−", "-")) for cell in cells]
    assert shown == pytest.approx((rows @ rows.T).flatten().tolist(), abs=CLOSE)
    # The legend's ends are the scale's, whatever the values are.
    labels = browser.texts(".vega-embed .role-legend text")
    assert (labels[0], labels[-1]) == ("0.0", "1.0")
    browser.shoot("compare")
    browser.type("textarea", "only one line")
    browser.click("button", "Compare")
    browser.see("1 lines; 2 to 30 can be compared")


def test_rerank_shows_both_orders(browser, start_page, embedder, reranker, cross_encoder, texts):
    browser.open(start_page("--server", embedder.url, "--texts", str(texts), "--rerank", reranker.url))
    browser.see("44 passages of 10 files")
    first = ask(browser, QUERY)
    again = browser.until(lambda: hits(browser, 1), "the other order")
    documents = [text for _, text, _ in first]
    asked = {"model": cross_encoder.name, "query": QUERY, "documents": [text for _, text, _ in again]}
    answer = json.load(post(reranker, "/rerank", asked))["results"]
    assert [item["index"] for item in answer] == list(range(5))  # the order that is shown is the server's
    assert [float(score) for score, _, _ in again] == pytest.approx([i["relevance_score"] for i in answer], abs=0.001)
    for _, text, source in again:
        place = int(source.split("was ")[1])
        assert place > 5 or documents[place - 1] == text
    assert cross_encoder.name in browser.body()
    browser.shoot("rerank")


def pdf(path, *pages: str) -> str:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path) as file:
        for text in pages:
            figure = Figure()
            figure.text(0.1, 0.5, text)
            file.savefig(figure)
    return str(path)


def test_uploads_are_searched_and_what_is_unreadable_is_named(opened, tmp_path):
    (tmp_path / "notes.txt").write_text("The spare key hangs behind the blue door.\n\nMilk is delivered on Mondays.")
    (tmp_path / "list.md").write_text("# Garden\n\nThe tomatoes want water every evening.")
    (tmp_path / "long.txt").write_text("The lighthouse keeper counts the ships of the bay. " * 60)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 no more of it")
    pdf(tmp_path / "paper.pdf", "The comet returns every eighty years.", "Its tail points away from the sun.")
    opened.go_to("Texts")
    opened.see("broken.md is not UTF-8 text (byte 4)")  # of the folder
    upload(opened, *(str(file) for file in sorted(tmp_path.iterdir())))
    opened.see("broken.pdf is not a PDF that can be read")
    opened.until(lambda: re.search(r"(\d+) of \1 passages of uploads", opened.body()), "embedded uploads")
    # One passage was too long for the model, and became several that fit: the server refuses what does not.
    assert int(re.search(r"(\d+) of \1 passages of uploads", opened.body())[1]) >= 5 + 2
    opened.shoot("texts")
    opened.go_to("Search")
    for query, text, source in (
        ("where is the spare key?", "The spare key hangs behind the blue door.", "notes.txt"),
        ("which way does the tail of a comet point?", "Its tail points away from the sun.", "paper.pdf, page 2"),
        ("do tomatoes need watering?", "Garden: The tomatoes want water every evening.", "list.md"),
    ):
        opened.type(FIELD, query + "\n")
        opened.until(lambda text=text: opened.texts(".hit") and text in opened.texts(".hit")[0], text)
        assert opened.texts(".hit")[0].split("\n")[1:] == [text, source]


def upload(browser, *files: str) -> None:
    field = browser.until(lambda: browser.driver.find_elements("css selector", "input[type=file]"), "the field")[0]
    field.send_keys("\n".join(files))
    browser.until(lambda: files[-1].rpartition("/")[2] in browser.body(), "the files")
    browser.settle()
    browser.click("button", "Embed")


def test_embedding_is_stopped_and_goes_on(opened, tmp_path):
    def done() -> int:
        found = re.search(rf"(\d+) of {MANY} passages of uploads", opened.body())
        return int(found[1]) if found else 0

    (tmp_path / "many.txt").write_text("\n\n".join(f"Entry {n} of a long ledger of ships." for n in range(MANY)))
    opened.go_to("Texts")
    upload(opened, str(tmp_path / "many.txt"))
    opened.until(done, "progress")
    opened.click("button", "Stop")
    opened.until(lambda: "Embed the rest" in opened.texts("button"), "the end of it")
    stopped = done()
    assert 0 < stopped < MANY
    opened.shoot("stopped")
    opened.click("button", "Embed the rest")
    opened.until(lambda: done() > stopped, "more progress")
    opened.click("button", "Stop")
    opened.until(lambda: "Embed the rest" in opened.texts("button"), "the end of it")


def test_a_server_that_is_down(browser, start_page):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        browser.open(start_page("--server", url))
        browser.see(f"nothing answers at {url}: is the server running?")
        browser.shoot("down")
        browser.click("button", "Try again")
        browser.see(f"nothing answers at {url}")


def test_a_server_that_is_busy(opened, embedder):
    """Clients whose bodies do not come hold all of its slots; once they are gone, the same query is answered."""
    where = urllib.parse.urlsplit(embedder.url)
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as clients:
        for _ in range(SLOTS):
            client = clients.enter_context(socket.create_connection((where.hostname, where.port)))
            client.sendall(head.encode())
        opened.type(FIELD, "what is a busy server?\n")
        opened.see(f"429: the server is busy: {SLOTS} of {SLOTS} slots are taken, and this request needs 1")
        opened.shoot("busy")
    opened.until(
        lambda: total(samples(embedder), "vllm:tt_requests_refused_total", reason="overload") >= 1, "the count"
    )
    assert len(ask(opened, "what is a busy server?")) == 5
    assert "429:" not in "".join(opened.texts("[data-testid=stAlert]"))


def test_a_query_that_the_server_refuses(opened):
    opened.type(FIELD, "too long " * 300 + "\n")
    opened.see("400: This model's maximum context length is 256 tokens")


def test_keys_and_a_narrow_window(browser, page):
    browser.resize(NARROW)
    browser.open(page)
    browser.see("44 passages of 10 files")
    browser.all(FIELD)[0].send_keys(QUERY + "\ue004\ue007")  # Tab to the button, Enter
    browser.until(lambda: len(hits(browser)) == 5, "hits")
    browser.settle()
    # Everything is within the window, one thing below the other.
    assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= NARROW[0]
    for element in browser.all(".hit, .hit div, button, input"):
        assert element.rect["x"] >= 0 and element.rect["x"] + element.rect["width"] <= NARROW[0], element.text
    browser.shoot("narrow")
    for _ in range(30):
        browser.press("\ue004")
        if browser.driver.switch_to.active_element.get_attribute("aria-label") == "Passages shown":
            break
    browser.press("\ue014")  # the slider, by the right arrow
    browser.until(lambda: len(hits(browser)) == 6, "one hit more")
    browser.click("button", "keyboard_double_arrow_right")  # the icon's name: it opens the panel, where the pages are
    browser.go_to("Compare")
    browser.until(lambda: browser.driver.find_elements("css selector", "textarea"), "the page")


def test_without_streamlit_the_command_says_what_installs_it(capsys, monkeypatch):
    monkeypatch.setattr(web_demo, "find_spec", lambda name: None)
    assert web_demo.main([]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "no streamlit" in said and "pip install " in said


@pytest.mark.parametrize(
    "options, says",
    [
        (["--server", "localhost:8000"], "--server is 'localhost:8000'"),
        (["--texts", "/absent"], "no such file or folder: /absent"),
    ],
)
def test_options_that_can_not_be(options, says, capsys):
    with pytest.raises(SystemExit):
        web_demo.main(options)
    assert says in capsys.readouterr().err
