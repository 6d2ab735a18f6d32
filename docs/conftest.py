"""What stands beside the pages and is no page: the settings of the site need Sphinx, which tests do without."""

collect_ignore = ["conf.py"]
