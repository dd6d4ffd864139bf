"""`python -m mmtui`."""

from mmtui.cli.main import main

if __name__ == "__main__":
    main()
