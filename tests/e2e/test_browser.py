"""The to-do app's page in a real browser: headless Chromium, driven through ChromeDriver's WebDriver protocol."""
import base64, json, os, shutil, subprocess, tempfile, urllib.error, urllib.request

from cluster import ROOT, Failed, free_port, until
from test_todo import app_url, create_app

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


class Browser:
    def __init__(self):
        self.port, self.profile = free_port(), tempfile.mkdtemp(prefix="reigen-browser-")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("chromedriver answers", lambda: self.call("GET", "/status")["ready"], 20)
        options = {"args": [*ARGUMENTS, f"--user-data-dir={self.profile}"], "binary": shutil.which("chromium")}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.session = f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Failed(error.read().decode()[:500])

    def open(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def find(self, css):
        found = self.call("POST", f"{self.session}/elements", {"using": "css selector", "value": css})
        return [f"{self.session}/element/{one[ELEMENT]}" for one in found]

    def texts(self, css):
        return [self.call("GET", f"{element}/text") for element in self.find(css)]

    def type(self, css, text):
        self.call("POST", f"{self.find(css)[0]}/value", {"text": text})

    def click(self, css):
        self.call("POST", f"{self.find(css)[0]}/click")

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", f"{self.session}/screenshot")))

    def close(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)


def test_an_entry_is_added_shown_and_deleted(cluster):
    create_app(cluster)
    browser = Browser()
    try:
        browser.open(app_url(cluster))
        until("the page knows who answered", lambda: browser.texts("#who")[0].startswith("todo-app-"), 20)
        browser.type("#entry", "Milch & Brot <kaufen>")
        browser.click("#add button")
        until("the entry is shown", lambda: browser.texts("#list li span") == ["Milch & Brot <kaufen>"], 10)
        picture = f"{ROOT}/build/todo-app.png"
        os.makedirs(os.path.dirname(picture), exist_ok=True)
        browser.screenshot(picture)
        assert os.path.getsize(picture) > 5000

        def reload():
            # A replica answers this: it may be a moment behind.
            browser.open(app_url(cluster))
            until("the page is there", lambda: browser.texts("#who")[0].startswith("todo-app-"), 10)
            return browser.texts("#list li span") == ["Milch & Brot <kaufen>"]
        until("it is still there after a reload", reload, 30)
        browser.click("#list li button")
        until("the list is empty", lambda: browser.texts("#list li") == [], 10)
        assert browser.texts("#error") == [""]
    finally:
        browser.close()
