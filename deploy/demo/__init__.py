"""A city's worth of invented, clearly marked reports, and the loader that sends them through the public intake API.

Nothing here touches a database or Kafka: what it loads went the way of every real report.
"""

from deploy.demo.generator import generate
from deploy.demo.loader import LoadFailed, Summary, load

__all__ = ["LoadFailed", "Summary", "generate", "load"]
