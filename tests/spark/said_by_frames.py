"""Caption a dataset by DataFrames in a session with an event log: the process whose words a test searches for secrets.

Enters: a dataset's folder or address, a split and a folder for the event log. Leaves: the plan and what was said, by
picture, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mezzetin.captioner import load_captioner
from mezzetin.spark import caption, opened, pictures


def main(source: str, split: str, events: str) -> None:
    """Do it with two workers."""
    # Compressed, which is Spark's default, the log would hide from a search what it holds.
    settings = {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false"}
    settings["spark.eventLog.dir"] = Path(events).as_uri()
    with opened("local[2]", settings) as session:
        frame = caption(pictures(session, source, split=split), captioner=load_captioner(beam=1))
        plan = frame._jdf.queryExecution().toString()
        said = {row.image_id: row.caption for row in frame.select("image_id", "caption").collect()}
    sys.stdout.write(json.dumps({"plan": plan, "said": said}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
