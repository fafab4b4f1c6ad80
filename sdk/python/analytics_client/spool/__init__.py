"""Events on the disk until the server has answered for them: files, the folder they share, their adoption."""
