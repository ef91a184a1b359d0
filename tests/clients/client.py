"""Call a service through the client that openapi-python-client generates. Arguments: address, key."""

import json
import sys
import time
from datetime import datetime
from io import BytesIO

from storewatch_client import AuthenticatedClient
from storewatch_client.api.imports import create_imports, get_import
from storewatch_client.api.observations import push_observations
from storewatch_client.api.reports import create_report, get_report, get_report_file
from storewatch_client.api.stores import get_store, list_stores
from storewatch_client.models import (
    BodyCreateImports,
    JobState,
    NewObservation,
    NewObservations,
    NewObservationStatus,
    ReportBody,
)
from storewatch_client.types import File

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
poll = NewObservation(
    store_id="cafe", observed_at=datetime.fromisoformat("2023-01-23T15:14:00+00:00"), status=NewObservationStatus.ACTIVE
)
pushed = push_observations.sync(client=client, body=NewObservations(observations=[poll]))
uploaded = File(BytesIO(b"store_id,timezone_str\ncafe,America/New_York\n"), file_name="timezones.csv")
(zones,) = create_imports.sync(client=client, body=BodyCreateImports(file=[uploaded])).items
while zones.state in (JobState.QUEUED, JobState.RUNNING):
    time.sleep(0.05)
    zones = get_import.sync(zones.import_id, client=client)
stores = list_stores.sync(client=client, limit=2)
report = create_report.sync(client=client, body=ReportBody.from_dict({"policy": "fill"}))
while report.state in (JobState.QUEUED, JobState.RUNNING):
    time.sleep(0.05)
    report = get_report.sync(report.report_id, client=client)
file = get_report_file.sync_detailed(report.report_id, client=client)
refused = get_store.sync("cafee", client=client)
answers = {
    "accepted": pushed.accepted,
    "imported": [[table.file, table.accepted] for table in zones.tables],
    "stores": [[store.store_id, store.timezone, store.state] for store in stores.items],
    "rows": report.figures.rows,
    "file": file.content.decode(),
    "refused": [refused.status, refused.type_],
}
print(json.dumps(answers))
