"""`python -m proxy …` is `anygate …`."""

from proxy.cli import main

main()
