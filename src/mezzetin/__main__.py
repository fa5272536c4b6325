"""`python -m mezzetin` is the command `mezzetin`."""

from mezzetin.cli import main

main()
