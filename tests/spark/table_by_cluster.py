"""Caption a folder into a table on a cluster of this machine: the process whose workers and executors a test kills.

Enters: a folder of pictures and where the table goes. Leaves: the table; its rows and errors by code, as JSON.
"""

from __future__ import annotations

import json
import sys

from mezzetin.captioner import load_captioner
from mezzetin.spark.captioning import Wanted, caption_table
from mezzetin.spark.session import opened

MASTER = "local-cluster[2,1,1024]"


def main(folder: str, table: str) -> None:
    """Do it; a batch on which a process hangs is given up after some seconds."""
    with opened(MASTER) as session:
        made = caption_table(session, [folder], table, Wanted(load_captioner(beam=1), patience=12))
    sys.stdout.write(json.dumps({"rows": made.rows, "failed": made.failed}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
