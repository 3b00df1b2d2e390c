/*
 * Each script asks `shoal __complete WORD…` for the words that fit the last one, one a line: what can be
 * completed is known in one place, and names of services and machines are those of the moment.
 */

const bash = `_shoal() {
  local IFS=$'\\n'
  COMPREPLY=($(shoal __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _shoal shoal
`;

const zsh = `#compdef shoal
_shoal() {
  local -a found
  found=("\${(@f)$(shoal __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[*]}" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" == "_shoal" ]]; then _shoal "$@"; else compdef _shoal shoal; fi
`;

const fish = `complete -c shoal -e
complete -c shoal -f -a '(shoal __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`;

/** Completion scripts by shell. */
export const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };
