#compdef ballast
# What zsh completes for ballast. Made by: ballast completion zsh

_ballast() {
  local answer rest=none before= tab=$'\t'
  local -a values shown open

  while IFS= read -r answer; do
    case $answer in
      (:files*|:directories*) rest=${answer%% *} before=${${answer#$rest}# } ;;
      (:none) ;;
      (*)
        values+=("${answer%%$tab*}")
        if [[ $answer == *$tab* ]]; then
          shown+=("${answer%%$tab*}  -- ${answer#*$tab}")
        else
          shown+=("$answer")
        fi
        ;;
    esac
  done < <(command ballast __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)

  # A word behind which more has to follow gets no space.
  local -a plain plainly
  local -i at
  for (( at = 1; at <= $#values; at++ )); do
    if [[ $values[at] == *[:=/] ]]; then
      open+=("$values[at]")
    else
      plain+=("$values[at]") plainly+=("$shown[at]")
    fi
  done
  (( $#plain )) && compadd -l -d plainly -- "${plain[@]}"
  (( $#open )) && compadd -S '' -- "${open[@]}"

  if [[ $rest != none ]]; then
    [[ -n $before ]] && compset -P "${(b)before}"
    if [[ $rest == :directories ]]; then _files -/; else _files; fi
  fi
}

if [[ $funcstack[1] == _ballast ]]; then
  _ballast "$@"
elif (( $+functions[compdef] )); then
  compdef _ballast ballast
fi
