"""A Java that starts quickly: the jobs of these tests are over before its second compiler has anything to gain."""

from __future__ import annotations

import os

os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
