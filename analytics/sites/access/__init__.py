"""HTTP for admins: API keys, share links and issued tokens. auth/ stores and checks them."""
