"""``python -m chainrule`` is the ``chainrule`` command."""

from chainrule.commands.cli import main

raise SystemExit(main())
