"""Which product answers, as far as its greeting tells (RFC 5321 section 4.2: the text is free)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

# Characters of a greeting that are looked at.
_TEXT_CHARS: Final = 1000


class Product(NamedTuple):
    """A product and the words that betray it; a group in the pattern is its version."""

    name: str
    pattern: str
    reference: str


#: Services, known by the host that greets as much as by its words.
SERVICES: Final = (
    Product("Gmail", r"\bgsmtp\b|\bsmtp\.gmail\.com\b", "https://support.google.com/a/answer/3726730"),
    Product("Microsoft 365", r"\boutlook\.(?:office365\.)?com microsoft esmtp", "https://learn.microsoft.com/exchange"),
    Product("Amazon SES", r"\bsimpleemailservice\b|\bamazonses\b", "https://docs.aws.amazon.com/ses"),
    Product("SendGrid", r"\bsg esmtp service ready\b", "https://www.twilio.com/docs/sendgrid"),
    Product("Mandrill", r"\bsmtp\.mandrillapp\.com\b", "https://mailchimp.com/developer/transactional"),
    Product("GMX, web.de, IONOS", r"\bnemesis esmtp\b", "https://postmaster.gmx.net"),
    Product("Yahoo, AOL", r"\bsmtp\.mail\.yahoo\.com\b", "https://help.yahoo.com/kb/SLN4724.html"),
    Product("iCloud", r"\bicloud smtp\b|\bsmtp\.mail\.me\.com\b", "https://support.apple.com/102525"),
    Product("Zoho", r"\bzoho(?:corp)?\.(?:com|eu|in)\b|\bzoho smtp\b", "https://www.zoho.com/mail/help/zoho-smtp.html"),
    Product("Yandex", r"\byandex\.(?:net|ru|com)\b", "https://yandex.com/support/mail"),
    Product("Mail.ru", r"\bsmtp\S*\.mail\.ru\b", "https://help.mail.ru/mail"),
    Product("NetEase", r"\banti-spam gt for coremail\b", "https://help.mail.163.com"),
    Product("QQ Mail", r"\bqq mail server\b", "https://service.mail.qq.com"),
)

#: Software, known by the words after the host.
SOFTWARE: Final = (
    Product("Microsoft SMTP Service", r"microsoft esmtp mail service, version: ([\d.]+)", "IIS SMTP default"),
    Product("Microsoft Exchange", r"microsoft esmtp mail service", "receive connector default"),
    Product("Zimbra", r"\bzimbra\b", "https://wiki.zimbra.com"),
    Product("Exim", r"\bexim\b(?: (\d[\w.]*))?", "smtp_banner, default: host ESMTP Exim version date"),
    Product("Sendmail", r"\bsendmail\b(?: (\d+\.[\w.]+))?", "SmtpGreetingMessage, default: host Sendmail version"),
    Product("OpenSMTPD", r"\bopensmtpd\b", "usr.sbin/smtpd/smtp_session.c, seen in the lab"),
    Product("Postfix", r"\bpostfix\b(?: \((\d[\w.-]*)\))?", "smtpd_banner, default: host ESMTP Postfix"),
    Product("Dovecot", r"\bdovecot\b", "login_greeting, seen in the lab"),
    Product("aiosmtpd", r"\b(?:python smtp|aiosmtpd)\b(?: (\d[\w.]*))?", "ident, default: Python SMTP version"),
    Product("Haraka", r"\bharaka\b(?:[/ ]v?(\d[\w.]*))?", "connection.js: host ESMTP Haraka version ready"),
    Product("hMailServer", r"\bhmailserver\b", "https://www.hmailserver.com/documentation"),
    Product("MailEnable", r"\bmailenable\b(?: service, version: *([\d.]+))?", "default greeting"),
    Product("MDaemon", r"\bmdaemon\b(?: v?(\d[\w.]*))?", "default greeting"),
    Product("SmarterMail", r"\bsmartermail\b(?: (?:\w+ )?(\d[\d.]*))?", "default greeting"),
    Product("Stalwart", r"\bstalwart\b", "session.connect.greeting, default: Stalwart ESMTP at your service"),
    Product("Maddy", r"\bmaddy\b", "https://maddy.email"),
    Product("Courier", r"\bcourier\b(?: (\d[\w.]*))?", "courier/module.esmtp"),
    Product("CommuniGate Pro", r"\bcommunigate pro\b(?: (\d[\w.]*))?", "default greeting"),
    Product("Kerio Connect", r"\bkerio (?:connect|mailserver)\b(?: (\d[\w.]*))?", "default greeting"),
    Product("IceWarp", r"\bicewarp\b(?: (\d[\w.]*))?", "default greeting"),
    Product("HCL Domino", r"\bdomino\b(?: release)?(?: (\d[\w.]*))?", "default greeting"),
    Product("Oracle Messaging Server", r"oracle communications messaging", "default greeting"),
    Product("GroupWise", r"\bgroupwise\b", "default greeting"),
    Product("KumoMTA", r"\bkumomta\b", "https://docs.kumomta.com"),
    Product("PowerMTA", r"\bpowermta\b", "default greeting"),
    Product("Apache James", r"\bjames\b.{0,20}\bsmtp\b|\bapache james\b", "https://james.apache.org"),
    Product("Mailpit", r"\bmailpit\b", "https://mailpit.axllent.org"),
    Product("MailHog", r"\bmailhog\b", "https://github.com/mailhog/MailHog"),
    Product("qmail", r"\b(?:net)?qmail\b", "control/smtpgreeting"),
)

#: Extensions and words in the reply to EHLO, for greetings that say nothing.
EXTENSIONS: Final = (
    Product("Microsoft Exchange", r"\bx-exps\b|\bx-anonymoustls\b", "receive connector"),
    Product("Gmail", r"\bsmtp\.gmail\.com at your service\b", "https://support.google.com/a/answer/3726730"),
    Product("Haraka", r"\bharaka (?:says hi|is at your service)\b", "connection.js"),
    Product("Exim", r"\bpipe_?connect\b", "src/smtp_in.c"),
)

_HOST: Final = re.compile(r"(?:\d{3}[ -])?\s*\S*")


@lru_cache(maxsize=4096)
def product(banner: str, ehlo: str = "") -> str | None:
    """Name the product, with its version if told, by its greeting, else by its reply to EHLO; None if neither tells."""
    return (
        _told(banner)
        or _search(EXTENSIONS, ehlo[:_TEXT_CHARS].lower())
        or _search(SOFTWARE, banner[:_TEXT_CHARS].lower())
    )


def is_told(banner: str) -> bool:
    """Say whether a greeting names the product whatever the reply to EHLO is."""
    return _told(banner) is not None


@lru_cache(maxsize=4096)
def _told(banner: str) -> str | None:
    """Name the product by its greeting; a host in it can have the name of a product."""
    greeting = banner[:_TEXT_CHARS].lower()
    return _search(SERVICES, greeting) or _search(SOFTWARE, _HOST.sub("", greeting, count=1))


def _search(table: Iterable[Product], text: str) -> str | None:
    for each in table:
        found = re.search(each.pattern, text)  # compiled when it is first needed
        if found:
            version = found[1] if found.re.groups else None
            return f"{each.name} {version}" if version else each.name
    return None
