"""What vdirsyncer's tests ask of a server: an empty address book for each, here a device of its own."""

import os
import re
import subprocess
import uuid

import pytest


class ServerMixin:
    @pytest.fixture
    def get_storage_args(self, aio_connector):
        async def inner(collection="test"):
            device = f"suite-{uuid.uuid4().hex}"
            words = [os.environ["CARNET_PROGRAM"], "--json", "devices", "add", device]
            told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            args = {"url": f"{os.environ['DAV_URL']}/", "username": device, "connector": aio_connector}
            args["password"] = re.search('"password":"([^"]+)"', told)[1]
            if collection is not None:
                args |= {"url": f"{os.environ['DAV_URL']}/dav/{device}/contacts/", "collection": "contacts"}
            return args

        return inner
