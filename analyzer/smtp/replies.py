"""What servers say at the end of an AUTH exchange, and what they mean: a table.

Patterns are searched in texts in lower case in which each word that holds a digit is ``#`` (queue ids, names of
hosts, codes), so that equal refusals are one text. The first row that matches wins: first those that name one cause
exactly, then families of words. Each needs linear time. Sources are for people who want to know more.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Source(NamedTuple):
    """Who says so, and where that can be read."""

    product: str
    reference: str


class Row(NamedTuple):
    """A text and its reason. `codes` and `enhanced` narrow it down.

    Where the client's last line shows that `reason` cannot be, `otherwise` holds: some texts serve for both.
    """

    reason: str
    pattern: str
    source: Source
    codes: tuple[int, ...] | None = None
    enhanced: str | None = None
    otherwise: str | None = None


_LAB = "seen in the lab"
_REPORTS = "public problem reports"
_MICROSOFT_PAGE = (
    "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
)

AIOSMTPD: Final = Source("aiosmtpd", f"aiosmtpd/smtp.py, {_LAB}")
ALIBABA: Final = Source("Alibaba Mail", _REPORTS)
CYRUS: Final = Source("Postfix with Cyrus SASL", f"cyrus-sasl lib/common.c, {_LAB}")
DOVECOT: Final = Source("Dovecot", f"dovecot src/auth, {_LAB}")
EXIM: Final = Source("Exim", f"exim src/smtp_in.c, {_LAB}")
GMAIL: Final = Source("Gmail", "https://support.google.com/a/answer/3726730")
HARAKA: Final = Source("Haraka", "haraka plugins/auth/auth_base.js")
HMAILSERVER: Final = Source(
    "hMailServer", "https://www.hmailserver.com/documentation/latest/?page=reference_error_messages_smtp"
)
ICLOUD: Final = Source("iCloud", _REPORTS)
MAIL_RU: Final = Source("Mail.ru", "https://help.mail.ru/mail/security/protection/external")
MAILENABLE: Final = Source("MailEnable", _REPORTS)
MICROSOFT: Final = Source("Microsoft Exchange and 365", _MICROSOFT_PAGE)
NETEASE: Final = Source("NetEase 163 and 126", _REPORTS)
OPENSMTPD: Final = Source("OpenSMTPD", f"opensmtpd usr.sbin/smtpd/smtp_session.c, {_LAB}")
OTHERS: Final = Source("several", _REPORTS)
POSTFIX: Final = Source("Postfix", f"postfix src/smtpd/smtpd_sasl_glue.c, {_LAB}")
QMAIL: Final = Source("qmail", "qmail-smtpd.c with the SMTP AUTH patch")
RFC: Final = Source("several", "RFC 4954 section 6")
RFC_5321: Final = Source("several", "RFC 5321 section 4.2.3")
SENDGRID: Final = Source("SendGrid", _REPORTS)
SENDMAIL: Final = Source("Sendmail", "sendmail sendmail/srvrsmtp.c")
STALWART: Final = Source("Stalwart", "stalwart crates/smtp/src/inbound/auth.rs")
TENCENT: Final = Source("QQ Mail, Tencent Exmail", _REPORTS)
YAHOO: Final = Source("Yahoo, AOL", "https://help.yahoo.com/kb/SLN15241.html")
YANDEX: Final = Source("Yandex", "https://yandex.com/support/mail/mail-clients/others.html")

ROWS: Final = (
    # Application passwords and second factors
    Row("app_password_required", r"application-specific password", GMAIL),
    Row("app_password_required", r"invalidsecondfactor", GMAIL),
    Row("app_password_required", r"parol prilozheniya|application password is required", MAIL_RU),
    Row("app_password_required", r"(?:use|enter) (?:the |your )?authori[sz](?:ed|ation) code", TENCENT),
    Row("app_password_required", r"app(?:lication)?[- ]password", OTHERS),
    Row("second_factor_required", r"missing totp|requires multi-factor", STALWART),
    Row("second_factor_required", r"multi-?factor|two-?factor|second factor|one-time pass|\bmfa\b", OTHERS),
    # Microsoft: one enhanced code, many causes
    Row("basic_auth_disabled", r"smtpclientauthentication is disabled", MICROSOFT),
    Row("basic_auth_disabled", r"basic authentication is (?:disabled|not supported)", MICROSOFT),
    Row("basic_auth_disabled", r"security defaults policy", MICROSOFT),
    Row("policy", r"did not meet the criteria to be authenticated", MICROSOFT),
    Row("account_locked", r"account (?:(?:is|was|has been|temporarily) )*(?:locked|blocked)", MICROSOFT),
    Row("bad_credentials", r"user credentials were incorrect", MICROSOFT),
    Row("basic_auth_disabled", r"", MICROSOFT, (535,), "5.7.139"),
    Row("basic_auth_disabled", r"", MICROSOFT, (550,), "5.7.30"),
    # Providers that name several causes at once, or one in their own words
    Row("bad_credentials", r"account is abnormal, service is not open", TENCENT),
    Row("bad_credentials", r"authentication failed, system busy", TENCENT, (535,)),
    Row("account_locked", r"user is locked", NETEASE),
    Row("policy", r"user has no permission", NETEASE, (550,)),
    Row("policy", r"does not have access rights to this service|accept eula first", YANDEX),
    Row("policy", r"log ?in (?:with|via|through|to) your web ?browser", GMAIL),
    Row("policy", r"maximum credits exceeded", SENDGRID),
    Row("policy", r"limit is reached|\bquota\b", OTHERS),
    Row("bad_credentials", r"authorization grant is invalid", SENDGRID),
    Row("policy", r"not authorized to use this service", STALWART),
    # Tokens, passwords, accounts
    Row("oauth_token_invalid", r"oauth token|token expired", STALWART),
    Row("oauth_token_invalid", r"invalid_token|(?:access|bearer) token|token (?:is |has )?(?:invalid|revoked)", OTHERS),
    Row("password_expired", r"password (?:has |is |was )?expired|expired password|must change .{0,5}password", OTHERS),
    Row("account_disabled", r"(?:account|user|mailbox) (?:is |was |has been )?(?:disabled|suspended|inactive)", OTHERS),
    # Load and abuse
    Row("throttled", r"too many errors", POSTFIX, (421,)),
    Row("throttled", r"too many bad auth attempts", YAHOO),
    Row("throttled", r"too many login attempts", GMAIL),
    Row("throttled", r"too many authentication errors", STALWART),
    Row("throttled", r"too many invalid", HMAILSERVER),
    Row("throttled", r"too many (?:\S+ ){0,3}(?:attempt|login|error|fail|auth|connection|command|request)", OTHERS),
    Row("throttled", r"possible smtp attack", SENDMAIL),
    Row("throttled", r"rate.?limit|frequency limit|authentication errors .{0,20}exceeded|slow down", OTHERS),
    # Sequence
    Row("already_authenticated", r"already (?:authenticated|logged in)", EXIM),
    Row("in_transaction", r"mail transaction|transaction in progress", POSTFIX, (501, 503)),
    Row("not_advertised", r"when not advertised", EXIM),
    Row("not_advertised", r"authentication (?:is )?not enabled", POSTFIX),
    Row("not_advertised", r"send (?:ehlo|helo)|(?:ehlo|helo) first", AIOSMTPD),
    Row("not_advertised", r"hello first", MICROSOFT),
    Row("not_advertised", r"\bauth(?:entication)? (?:is )?not available", SENDMAIL, (500, 502, 503)),
    Row("not_advertised", r"invalid command: command not supported", OPENSMTPD),
    # Protection
    Row("tls_required", r"encryption needed to use mechanism", CYRUS),
    Row("tls_required", r"issue (?:a )?starttls|starttls first", POSTFIX),
    Row("tls_required", r"encryption required|(?:tls|ssl|starttls) (?:is )?required", RFC),
    Row("tls_required", r"(?:requires?|needs?) (?:an? )?(?:tls|ssl|encrypt|secure)", OTHERS),
    Row("tls_required", r"(?:disallowed|disabled) plaintext", DOVECOT),
    Row(
        "tls_required",
        r"(?:plaintext|cleartext|insecure|unencrypted) .{0,40}(?:disabled|disallowed|denied|not )",
        OTHERS,
    ),
    # Mechanisms
    Row("mechanism_unavailable", r"no mechanism available|invalid authentication mechanism", POSTFIX),
    Row("mechanism_unavailable", r"unrecogni[sz]ed authentication type", MICROSOFT),
    Row("mechanism_unavailable", r"authentication mechanism not supported", EXIM),
    Row("mechanism_unavailable", r"auth mechanism \S+ not available", SENDMAIL),
    Row("mechanism_unavailable", r"auth type unimplemented", QMAIL),
    Row("mechanism_unavailable", r"unsupported authentication mechanism", DOVECOT),
    Row("mechanism_unavailable", r"mechanism (?:\S+ )?(?:is )?(?:not |un(?:supported|available)|invalid)", OTHERS),
    # Syntax
    Row("bad_base64", r"invalid base64", EXIM),
    Row("bad_base64", r"cannot (?:base64 )?decode", SENDMAIL),
    Row("bad_base64", r"(?:bad|malformed|not|incorrect) base64|unable to decode", OTHERS),
    Row("bad_base64", r"bad protocol / cancel", CYRUS, otherwise="bad_syntax"),
    Row("empty_response", r"another step is needed in authentication", CYRUS, otherwise="bad_syntax"),
    Row("empty_response", r"passwd is null", ALIBABA),
    Row("empty_response", r"(?:empty|missing) (?:user ?name|password|credentials|response)", OTHERS),
    Row("line_too_long", r"response limit exceeded", POSTFIX),
    Row("line_too_long", r"", RFC, (500,), "5.5.6"),
    Row("line_too_long", r"command line too long", HARAKA),
    Row("line_too_long", r"lines? (?:is )?too? long|(?:input|command|response) too long", HMAILSERVER),
    Row("bad_syntax", r"invalid auth string|bad protocol$", HARAKA),
    Row("bad_syntax", r"initial data not expected", EXIM),
    Row("bad_syntax", r"invalid challenge", STALWART),
    Row("bad_syntax", r"pipelining not supported", OPENSMTPD),
    Row("bad_syntax", r"malformed auth input", QMAIL),
    Row("not_advertised", r"command (?:not |un)recogni[sz]ed|unrecogni[sz]ed command", RFC_5321, (500, 502)),
    Row("bad_syntax", r"syntax|malformed|wrong number of|cannot parse|unexpected", POSTFIX),
    # Back ends
    Row("backend_down", r"connection lost to authentication server", POSTFIX),
    Row("backend_down", r"connect to (?:the )?authentication server|authentication backend error", POSTFIX),
    Row("backend_down", r"generic failure|saslauthd", CYRUS),
    Row("backend_down", r"unable to authenticate at present", EXIM),
    Row("backend_down", r"cannot authenticate due to temporary", GMAIL),
    Row("backend_down", r"temporary (?:checkpassword )?failure|child won't start|open pipe", QMAIL),
    Row("backend_down", r"temporary (?:auth|server|system|local|internal|problem|error)|internal .{0,10}error", RFC),
    # Ends of connections
    Row("timeout", r"timeout|timed out|took too long|\bidle\b", POSTFIX),
    Row("throttled", r"try again later", GMAIL, (421,)),
    Row("backend_down", r"shutting down|not available|service unavailable", OTHERS, (421,)),
    # Who, and with what
    Row("authzid_refused", r"requested identity", CYRUS),
    Row("authzid_refused", r"authori[sz]ation id|not authori[sz]ed to act|proxy .{0,20}(?:not|denied)", OTHERS),
    Row("bad_credentials", r"username and password not accepted", GMAIL),
    Row("bad_credentials", r"authentication credentials invalid", AIOSMTPD),
    Row("bad_credentials", r"invalid user or password", YANDEX),
    Row("bad_credentials", r"invalid username or password", MAILENABLE),
    Row("bad_credentials", r"bad username / password", SENDGRID),
    Row("bad_credentials", r"(?:user|username|login|email|account) ?(?:/|or|and) ?pass|credentials", OTHERS),
    Row("unknown_user", r"user not found|no secret in database", SENDMAIL),
    Row("unknown_user", r"unknown user", DOVECOT),
    Row("unknown_user", r"mailbox does not exist", ICLOUD),
    Row("unknown_user", r"(?:account|mailbox) (?:not found|unknown)|no such user|user does(?: not|n't) exist", OTHERS),
    Row("bad_password", r"password mismatch", DOVECOT),
    Row("bad_password", r"password verification failed|checkpass failed", SENDMAIL),
    Row(
        "bad_password",
        r"(?:wrong|bad|incorrect|invalid) password|password (?:is )?(?:wrong|in(?:correct|valid))",
        OTHERS,
    ),
    Row("policy", r"block ?list|blacklist|\bblocked\b|\bbanned\b|access denied|polic(?:y|ies)|restricted", OTHERS),
    Row("policy", r"not (?:allowed|permitted|authori[sz]ed)", OTHERS),
    Row("bad_credentials", r"incorrect authentication data", EXIM, (535,)),
    Row("bad_credentials", r"authentication unsuccessful", MICROSOFT, (535,)),
    Row("bad_credentials", r"error: authentication failed", POSTFIX, (535,)),
    Row("bad_credentials", r"authorization failed", QMAIL, (535,)),
    Row("bad_credentials", r"authentication failed\.", DOVECOT, (535,)),
    Row("bad_credentials", r"auth\w* (?:failed|failure)|login fail", OTHERS, (535,)),
    Row("not_advertised", r"unrecogni[sz]ed|not (?:implemented|recogni[sz]ed)|unimplemented", OTHERS, (500, 502, 503)),
)
