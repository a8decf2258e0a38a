"""The SMTP room: two byte streams become units, AUTH exchanges and messages."""
