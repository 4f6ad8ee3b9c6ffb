"""The `anygate` command, also as `python -m proxy`."""

import gc


def main() -> None:
    # What the modules are made of stays: to look for garbage among it again and again took a tenth of the start.
    gc.disable()
    from proxy.cli import main as command

    gc.freeze()
    gc.enable()
    command()


if __name__ == "__main__":
    main()
