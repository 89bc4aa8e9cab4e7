"""The web page: a server-rendered shell, small ES modules, and the figures it draws."""
