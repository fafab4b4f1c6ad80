"""The web pages: an HTML shell for each address, the files that draw it in the browser, and signing in."""
