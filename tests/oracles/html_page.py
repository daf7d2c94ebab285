"""What a page consists of, by Python's own parser: elements, attributes, texts."""

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr", "input", "path", "rect"}


class Page(HTMLParser):
    """Elements as (tag, attributes), in order; raises on an element that is closed out of turn."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self._open = [], "", []
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            opened = self._open.pop() if self._open else None
            assert opened == tag, f"</{tag}> closes {opened}"

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def assert_self_contained(text):
    """Check that a page loads nothing, runs nothing, and says so to the browser; return it parsed."""
    page = Page(text)
    policies = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "audio", "video"}
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            assert not name.startswith("on"), f"<{tag} {name}>"
            assert "http:" not in (value or ""), f"<{tag} {name}={value[:80]}>"
            assert "https:" not in (value or ""), f"<{tag} {name}={value[:80]}>"
            if name in ("src", "href"):
                assert value.startswith(("data:image/svg+xml;base64,", "#"))
    assert "url(" not in text
    assert "@import" not in text
    return page
