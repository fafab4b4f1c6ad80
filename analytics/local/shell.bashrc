# Read by the bash of `make shell`, after the user's own file, which may have changed PATH and the prompt.
[ -f ~/.bashrc ] && . ~/.bashrc
PATH="$VIRTUAL_ENV/bin:$PATH"
PS1="(analytics) $PS1"
