/*
 * Each script calls `shoal __complete WORD…`, which prints the candidates for the last word, one
 * per line. Completion logic stays in one place, and names of services and machines are always
 * current.
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
export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish };
