"""`python -m benchmarks [ingest|reports|samples|…] [--events N] [--quick]`: measures, prints tables."""

import argparse

from benchmarks import cardinality, columns, exports, funnels, ingest, insights, reports, samples

BENCHMARKS = {
    "ingest": ingest.run,
    "reports": reports.run,
    "samples": samples.run,
    "columns": columns.run,
    "funnels": funnels.run,
    "insights": insights.run,
    "exports": exports.run,
    "cardinality": cardinality.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="?", choices=["all", *BENCHMARKS], default="all")
    parser.add_argument("--events", type=int, default=300_000, help="events of the largest run")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events, as a smoke test")
    arguments = parser.parse_args()
    events = arguments.events // 10 if arguments.quick else arguments.events
    for name, run in BENCHMARKS.items():
        if arguments.which in ("all", name):
            print(run(events, arguments.quick), flush=True)


if __name__ == "__main__":
    main()
