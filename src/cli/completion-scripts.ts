/** What a shell runs for a key press: it asks `gdpfs completion --line` for all that may follow. */
export const COMPLETION_SCRIPTS = {
  /** bash gives the whole line, and takes what stands behind the last colon for the word. */
  bash: `_gdpfs() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
    "\${COMP_WORDS[0]}" completion --line "\${COMP_LINE:0:COMP_POINT}" --breaks "$COMP_WORDBREAKS" 2>/dev/null
  )
}
complete -o nospace -o bashdefault -o default -F _gdpfs gdpfs
`,
  /** Sourced, or a file in $fpath. What comes is quoted already, and fits. */
  zsh: `#compdef gdpfs
_gdpfs() {
  local line
  local -a open whole
  for line in "\${(@f)$("\${(Q)words[1]}" completion --line "\${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}"; do
    case $line in
      ('') ;;
      (*' ') whole+=("\${line% }") ;;
      (*) open+=("$line") ;;
    esac
  done
  (( $#whole + $#open )) || { _files; return }
  (( $#whole )) && compadd -Q -U -- $whole
  (( $#open )) && compadd -Q -U -S '' -- $open
  return 0
}
if [[ $funcstack[1] == _gdpfs ]]; then _gdpfs "$@"; else compdef _gdpfs gdpfs; fi
`,
  /** fish quotes, and puts a blank behind what does not end with a slash. */
  fish: `function __gdpfs_complete
  set -l found (gdpfs completion --plain --line (commandline -cp | string collect) 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c gdpfs -f -a '(__gdpfs_complete)'
`,
} as const;

export type Shell = keyof typeof COMPLETION_SCRIPTS;
