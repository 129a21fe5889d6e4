"""Notices by whatever else there is: more than a hundred services through `apprise` (extra `apprise`)."""

from __future__ import annotations

import importlib
from typing import Any

from gonogo.adapters.posting.announcing import message
from gonogo.adapters.posting.carrying import notice_id
from gonogo.ports import Notice
from gonogo.terms import Secret


class AppriseCarrier:
    """Hands each notice to apprise under one of its addresses, such as `mastodon://…`."""

    def __init__(self, address: Secret) -> None:
        self._address = address

    def carry(self, notice: Notice) -> str:
        """Tell it once; apprise says only whether it worked."""
        try:
            apprise: Any = importlib.import_module("apprise")
        except ModuleNotFoundError:
            return "apprise is not installed: pip install 'gonogo[apprise]'"
        told = apprise.Apprise()
        if not told.add(self._address.reveal()):
            return "apprise does not know this kind of address"
        body = "\n".join(filter(None, (message(notice.prefix, notice.text), notice_id(notice), notice.link)))
        # Text, not Markdown or HTML: what stands in a notice is no markup.
        arrived = told.notify(body=body, title=f"{notice.project} {notice.release}", body_format="text")
        return "" if arrived else "apprise could not deliver it"
