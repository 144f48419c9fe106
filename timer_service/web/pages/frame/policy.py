"""What a browser is told that a page of ours may do: next to nothing."""

from __future__ import annotations

#: Scripts, styles and fetches are our own, and nothing else is asked for; what a timer holds can only be text. No
#: script can turn a text into HTML: it would need a policy of Trusted Types, and none can be made.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
#: A page of another origin keeps no hold of ours that it opens.
OPENER = "Cross-Origin-Opener-Policy"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    OPENER: "same-origin",
}
