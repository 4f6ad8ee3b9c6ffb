"""`python -m proxy.sandbox`: all doubles until SIGTERM or Ctrl-C, their addresses as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from . import GATEWAYS, running


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m proxy.sandbox", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(GATEWAYS)}")
    parser.add_argument("--port-file", type=Path, help="write the JSON here, too")
    parser.add_argument("--state", type=Path, help="folder in which tasks and ports survive")
    parser.add_argument("--timing-scale", type=float, default=1.0, help="0 makes all instant")
    asyncio.run(serve(parser.parse_args()))


async def serve(args: argparse.Namespace) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(*args.names, state=args.state, timing_scale=args.timing_scale) as sandbox:
        urls = json.dumps(sandbox.base_urls)
        if args.port_file:
            # Renamed into place, so that whoever waits for the file never reads a half of it.
            part = args.port_file.with_suffix(".part")
            await asyncio.to_thread(part.write_text, urls)
            await asyncio.to_thread(part.replace, args.port_file)
        print(urls, flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
