"""A person at the dashboard, in headless Chromium.

    dashboard.py SCENARIO URL TOKEN READING-TOKEN

The scenarios are the functions below. What goes wrong ends the script with its reason.
"""
import sys
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

SCENARIO, URL, TOKEN, READING_TOKEN = sys.argv[1:5]


class Page:
    def __init__(self, width=1200, height=800, touch=False):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch})
        if touch:
            self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def open(self, token=TOKEN):
        self.driver.get(f"{URL}#token={token}")
        self.until("the page is live", lambda: self.text(".live") == "live")
        assert "token" not in self.driver.current_url, "the token is still in the address"

    def go(self, place):
        self.script("location.hash = arguments[0]", f"#/{place}")

    # Looking

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def seen(self, selector):
        return [element for element in self.all(selector) if element.is_displayed()]

    def text(self, selector="body"):
        return self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def until(self, what, condition, limit=30):
        end = time.monotonic() + limit
        while True:
            try:
                found = condition()
                if found:
                    return found
            except (StaleElementReferenceException, IndexError):
                pass
            if time.monotonic() > end:
                raise AssertionError(f"gave up waiting: {what}\n{self.text()[:3000]}\n{self.complaints()}")
            time.sleep(0.02)

    def shows(self, text, selector="body", limit=30):
        self.until(f"{text!r} in {selector}", lambda: text in self.text(selector), limit)

    def shows_not(self, text, selector="body"):
        self.until(f"no {text!r} in {selector}", lambda: text not in self.text(selector))

    def complaints(self):
        """What the browser has to say against the page: errors of scripts and of its policies."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]
                and "WebSocket connection" not in entry["message"]]

    # Acting

    def named(self, name, selector="button"):
        found = [element for element in self.seen(selector)
                 if name in (element.text.strip(), element.get_attribute("aria-label"))]
        return found[-1] if found else None

    def press(self, name, selector="button"):
        def act():
            element = self.named(name, selector)
            if not element or not element.is_enabled():
                return False
            element.click()
            return True
        self.until(f"a button {name!r}", act)

    def act(self, name):
        """An action of the session, wherever there is room for it."""
        self.until(f"the action {name!r}", lambda: self.named(name, ".actions button") or self.named("More actions"))
        if self.named(name, ".actions button"):
            self.press(name, ".actions button")
            return
        self.press("More actions")
        self.until(f"the action {name!r} in the menu", lambda: self.menu_press(name))

    def menu_press(self, name):
        for element in self.seen(".menu button span"):
            if element.text == name:
                element.click()
                return True
        return False

    def type(self, selector, text):
        field = self.until(f"a field {selector}", lambda: self.seen(selector)[0])
        field.clear()
        field.send_keys(text)
        return field

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, modifier, key):
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def write(self, *lines):
        """Not by keys: some characters of a line would be others."""
        self.script("fetch('api/v1/sessions/lines/write', {method: 'POST', headers: {'Content-Type': 'application/json'},"
                    " body: JSON.stringify({lines: arguments[0]})})", lines)

    def terminal(self):
        return self.text(".terminal-grid")

    def fits(self):
        width = self.script("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"the page is {width} px wider than the window"


# Each is given sessions by its test: "lines" (cat), "shell" (sh in a terminal), "agent" (the stand-in for stream-json).

def look_and_write(page):
    page.open()
    page.shows("lines", ".rows")
    page.go("lines/output")
    page.type(".line-writer textarea", "hello there\n")
    page.shows("hello there", ".lines")
    page.shows("sent", ".line-writer")
    page.write("\x1b[31mred\x1b[0m https://example.org/x")
    page.until("a colour", lambda: page.all(".lines .line-text span[style*='--ansi-1']"))
    link = page.until("a link", lambda: page.all(".lines a")[0])
    assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("target") == "_blank"
    if page.named("Times"):
        page.press("Times")
        page.until("times", lambda: page.seen(".lines time"))
        page.press("Times")
    page.fits()


def scroll_and_search(page):
    page.open()
    page.go("lines/output")
    page.type(".line-writer textarea", "needle one\n")
    page.shows("needle one", ".lines")
    for part in range(20):
        body = [f"line {part * 200 + number}" for number in range(200)]
        page.write(*body)
        page.shows(body[-1], ".lines")
    count = len(page.all(".lines .line"))
    assert count <= 1300, f"{count} lines are in the page"
    bottom = "const s = document.querySelector('.output-scroll'); return s.scrollHeight - s.clientHeight - s.scrollTop"
    assert page.script(bottom) < 5, "it does not follow"
    page.script("document.querySelector('.output-scroll').scrollTop -= 400")
    page.until("a button to the end", lambda: page.seen(".new-lines"))
    before = page.script("return document.querySelector('.output-scroll').scrollTop")
    page.type(".line-writer textarea", "the newest\n")
    page.shows("1 new line", ".new-lines")
    assert page.script("return document.querySelector('.output-scroll').scrollTop") == before, "it jumps"
    page.seen(".new-lines")[0].click()
    page.shows("the newest", ".lines")
    page.type(".bar input[type=search]", "needle\n")
    page.until("the line that was looked for", lambda: "needle one" in page.text(".line.hit"))
    # Up and down through all of it, by places.
    page.press("Oldest")
    page.until("the oldest line", lambda: page.all(".lines .line")[0].text.startswith("needle one"))
    for _ in range(40):
        page.script("const s = document.querySelector('.output-scroll'); s.scrollTop = s.scrollHeight")
        if "the newest" in page.text(".lines"):
            break
        time.sleep(0.1)
    page.shows("the newest", ".lines")


def live_and_die(page):
    page.open()
    page.go("lines/output")
    page.act("Pause")
    page.shows("Paused.", ".head")
    page.shows("paused", ".head-word")
    page.act("Resume")
    page.shows("running", ".head-word")
    page.act("Restart")
    page.shows("Restart lines?", "dialog")
    page.press("Cancel", "dialog button")
    page.until("no dialog", lambda: not page.all("dialog"))
    page.act("Restart")
    page.press("Restart lines", "dialog button")
    page.shows("restarts 1", ".head-word")
    page.act("Labels …")
    page.type("dialog textarea", "app=tests\nnote=<b>bold</b>")
    page.press("Save", "dialog button")
    page.until("the new group", lambda: "tests" in [group.get_attribute("textContent") for group in page.all(".group-name")])
    page.act("Send a signal …")
    page.press("Send", "dialog button")
    page.shows("Sent INT.", ".head")
    page.shows("ended by INT", ".head-word")
    page.go("lines/events")
    page.shows("Was sent INT", ".timeline")
    page.go("lines/details")
    page.shows("<b>bold</b>", ".details")
    page.go("agent/output")
    page.act("Stop")
    page.shows("Stop agent?", "dialog")
    page.press("Stop agent", "dialog button")
    page.shows("exited", ".head-word")
    page.act("Start again")
    page.until("a form", lambda: page.seen("#start-command"))
    page.press("Start", "dialog button")
    page.shows("running", ".head-word")
    page.act("End its input")
    page.press("End its input", "dialog button")
    page.shows("exited", ".head-word")
    page.fits()


def start(page):
    page.open()
    page.press("Start")
    page.type("#start-command", "printf '%s\\n' \"it's here\"; sleep 100")
    page.shows("needed one", "dialog")
    page.seen("#start-shell")[0].click()
    page.type("#start-sessionId", "lines")
    page.type("#start-labels", "app=new")
    page.press("Start", "dialog button")
    page.shows("running", "dialog .trouble")
    page.type("#start-sessionId", "mine")
    page.seen(".more-options summary")[0].click()
    page.type("#start-maxRuntime", "nonsense")
    page.press("Start", "dialog button")
    page.shows("max-runtime", "dialog .trouble")
    page.type("#start-maxRuntime", "1h")
    page.fits()
    page.press("Start", "dialog button")
    page.until("its page", lambda: "mine" in page.driver.current_url)
    page.shows("it's here", ".lines")


def talk(page):
    page.open()
    page.go("agent")
    page.until("a field", lambda: page.seen(".conversation textarea"))
    page.type(".conversation textarea", "say=**bold** tool say=<script>alert(1)</script>\n")
    page.shows("bold", ".theirs strong")
    page.shows("<script>alert(1)</script>", ".turns")
    page.until("the tools", lambda: len(page.all(".tool.done")) == 1 and len(page.all(".tool.failed")) == 1)
    page.shows("$0.0125", ".turn-end")
    page.seen(".tool summary")[0].click()
    page.shows("done", ".tool-body")
    page.type(".conversation textarea", "await=go\n")
    page.until("busy", lambda: page.seen(".busy"))
    page.type(".conversation textarea", "another\n")
    page.shows("still under way", ".conversation form")
    page.driver.refresh()
    page.until("the earlier turn", lambda: page.all(".theirs strong"))
    page.shows("**bold**", ".mine")
    page.fits()


def type_in_terminal(page):
    page.open()
    page.go("shell")
    page.until("a prompt", lambda: "$" in page.terminal())
    page.until("a field", lambda: page.all(".terminal-input"))
    page.script("document.querySelector('.terminal-input').focus()")
    page.keys("echo $((6*7))", Keys.ENTER)
    page.until("an answer", lambda: "\n42" in page.terminal())
    page.keys("printf '\\033[48;2;1;2;3m\\344\\270\\255\\033[0m|\\n'", Keys.ENTER)
    page.until("a wide character", lambda: page.all(".terminal-grid .two-columns"))
    page.keys("cat", Keys.ENTER)
    page.chord(Keys.CONTROL, "d")
    page.keys("echo o''ver", Keys.ENTER)
    page.until("the end of cat", lambda: "over" in page.terminal())
    page.fits()
    page.chord(Keys.SHIFT, Keys.ESCAPE)
    page.until("no focus", lambda: page.script("return document.activeElement === document.body"))


def phone(page):
    look_and_write(page)
    page.fits()
    page.press("All sessions", "a")
    page.until("the list", lambda: page.seen(".session"))
    page.fits()
    page.go("shell")
    page.until("keys", lambda: page.seen(".touch-keys button"))
    page.until("a prompt", lambda: "$" in page.terminal())
    page.script("document.querySelector('.terminal-input').focus()")
    page.keys("cat", Keys.ENTER)
    page.until("cat", lambda: "cat" in page.terminal())
    page.press("Ctrl C")
    page.until("the prompt again", lambda: page.terminal().count("$") > 1)
    page.fits()
    live_and_die(page)


def keys(page):
    page.open()
    page.chord(Keys.CONTROL, "k")
    page.type(".palette input", "lines")
    page.until("a match", lambda: "lines" in page.all(".palette-entry")[0].text)
    page.keys(Keys.ENTER)
    page.until("its page", lambda: "lines" in page.driver.current_url and page.seen(".output"))
    page.keys("?")
    page.shows("Commands and sessions", "dialog")
    page.keys(Keys.ESCAPE)
    page.until("no dialog", lambda: not page.all("dialog"))
    page.keys("3")
    page.until("the third tab", lambda: page.text("[role=tab][aria-selected=true]") == "Events")
    page.keys("/", "agen")
    page.until("only one", lambda: len(page.all(".session")) == 1)
    page.keys(Keys.ENTER)
    page.until("its page", lambda: "agent" in page.driver.current_url)
    page.keys("x")
    page.shows("Stop agent?", "dialog")
    page.keys(Keys.ESCAPE)
    page.until("no dialog", lambda: not page.all("dialog"))
    page.keys("n")
    page.until("a form", lambda: page.seen("#start-command"))


def only_look(page):
    page.open(READING_TOKEN)
    page.go("lines/output")
    page.until("the output", lambda: page.seen(".output"))
    assert not page.seen(".actions button") and not page.seen("textarea"), "there is something to press"
    assert not page.named("Start"), "one could start something"
    page.go("shell/terminal")
    page.until("the terminal", lambda: "$" in page.terminal())
    assert not page.seen(".touch-keys"), "there are keys"
    page.keys("nx")
    assert not page.all("dialog"), "a key opens a dialog"


def wrong_token(page):
    page.driver.get(f"{URL}#token=wrong")
    page.shows("needs the gateway's token")
    page.type("#token", "wrong again\n")
    page.shows("That is not the token.")
    page.type("#token", TOKEN + "\n")
    page.shows("lines", ".rows")


def hostile(page):
    """The sessions write markup and sequences, and have markup in their labels."""
    page.open()
    for place in ("lines/output", "lines/events", "lines/details", "agent/conversation", "shell/terminal"):
        page.go(place)
        page.until(place, lambda: page.seen(".panel > section"))
        page.shows("<img", "body")
    page.go("lines/output")
    page.shows("</script><script>hacked = 1</script>", ".lines")
    # Nothing of it is an element, and nothing of it ran.
    assert page.script("return document.querySelectorAll('main img, main script, main iframe').length") == 0
    assert page.script("return typeof hacked") == "undefined"
    for link in page.all("a[href]"):
        assert link.get_attribute("href").startswith(("http://", "https://")), link.get_attribute("href")
    assert "stolen" not in page.driver.title


def go_on(page):
    """The gateway ends and comes again, as the test does on a line of standard input."""
    page.open()
    page.go("lines/output")
    page.type(".line-writer textarea", "before\n")
    page.shows("before", ".lines")
    print("ready", flush=True)
    page.shows("not live since", ".live")
    page.shows("before", ".lines")
    print("offline", flush=True)
    page.until("the page is live", lambda: page.text(".live") == "live")
    page.type(".line-writer textarea", "after\n")
    page.shows("after", ".lines")
    lines = page.text(".lines")
    assert lines.count("before") == 1 and lines.count("between") == 1, lines


page = Page(390, 844, touch=True) if SCENARIO == "phone" else Page()
try:
    globals()[SCENARIO](page)
    complaints = page.complaints()
    if complaints:
        sys.exit("\n".join(complaints))
except (AssertionError, WebDriverException) as error:
    if len(sys.argv) > 5:
        page.driver.save_screenshot(sys.argv[5])
    sys.exit(f"{SCENARIO}: {error}")
finally:
    page.driver.quit()
