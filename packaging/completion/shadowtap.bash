# bash completion for shadowtap: commands, options, and what each option takes. Needs bash alone, not bash-completion.
# tests/packaging holds the options against `shadowtap COMMAND --help`.

# The options of a command; words is an array of those typed so far.
_shadowtap_options()
{
	case "$1" in
	live)
		echo --config --interface --filter --snaplen --buffer --no-promiscuous --capture-threads --workers --db \
			--policy --signatures --keylog --sensor --min-confidence --format --write --write-file-size --write-total \
			--write-buffer --write-all --alert --alert-window --alert-rate --alert-queue --retain --max-db-size \
			--queue-size --spill --spill-size --stats-interval --stats-file --metrics --user --sensor-user --no-sandbox \
			--store-definitions --audit --quiet --help
		;;
	replay)
		echo --db --policy --signatures --keylog --filter --format --min-confidence --fail-on --continuous --sensor --workers \
			--write --write-file-size --write-total --write-buffer --write-all --alert --alert-window --alert-rate \
			--alert-queue --alert-wait --store-definitions --audit --quiet --help
		;;
	query)
		echo --db --since --until --verdict --min-confidence --client --server --host --method --tool --finding --kind \
			--event-id --acknowledged --all --limit --group-by --format --help
		;;
	ack) echo --until --by --why --force --list --log --db --format --help ;;
	unack) echo --by --why --db --help ;;
	calls)
		echo --db --since --until --client --server --host --method --tool --outcome --min-duration --event --limit --group-by \
			--format --help
		;;
	offers) echo --db --server --host --list --name --since --until --changed --finding --history --limit --format --help ;;
	alerts) echo --db --waiting --format --help ;;
	findings) echo --format --help ;;
	"policy test")
		echo --policy --client --address --proxy --at --tls --cleartext --auth --protocol-version --tool --resource --prompt --finding --format \
			--help
		;;
	"signatures list") echo --signatures --kind --format --help ;;
	"signatures test") echo --signatures --help ;;
	interfaces) echo --format --help ;;
	*) echo --help ;;
	esac
}

# The values that the option $2 of the command $1 takes, one a line; "FILE" and "DIRECTORY" stand for those.
_shadowtap_values()
{
	case "$1 $2" in
	*" --interface" | "live -i")
		[ ! -d /sys/class/net ] || command ls /sys/class/net
		echo any
		;;
	*" --config" | *" --db" | *" --policy" | *" -p" | *" --spill" | *" --stats-file" | *" --metrics" | *" --keylog") echo FILE ;;
	*" --signatures" | *" --write") echo DIRECTORY ;;
	*" --min-confidence") printf '%s\n' possible likely confirmed ;;
	*" --alert") printf '%s\n' syslog syslog+udp syslog+tcp syslog+tls file unix stdout https ;;
	*" --fail-on") printf '%s\n' any unauthorized none ;;
	"live --format") printf '%s\n' text jsonl none ;;
	"replay --format") printf '%s\n' text json jsonl ;;
	"policy test --format") printf '%s\n' text json ;;
	*" --format") printf '%s\n' text json jsonl csv ;;
	"query --verdict") printf '%s\n' approved violation unauthorized ;;
	"query --finding" | "policy test --finding")
		command shadowtap findings --format csv 2>/dev/null | sed -n 's/^"\([a-z0-9.-]*\)",.*/\1/p'
		;;
	"calls --outcome")
		printf '%s\n' ok error tool-error input-required task http-status cancelled no-answer not-seen
		;;
	"calls --group-by")
		printf '%s\n' method name outcome code http_status server host server_ip server_name client_ip client_name direction remark \
			event_id
		;;
	"offers --list") printf '%s\n' tools prompts resources resource-templates ;;
	"offers --finding") printf '%s\n' offer.hidden-unicode offer.bidi offer.hidden-markup offer.instructions ;;
	"query --kind") printf '%s\n' connection connector tool-change ;;
	"query --method")
		printf '%s\n' initialize tools/list tools/call resources/list resources/read prompts/list prompts/get \
			server/discover
		;;
	"query --group-by")
		printf '%s\n' host sni server_ip client_ip verdict confidence stage severity rule reasons findings unverified \
			transport protocol_version client_name server_name auth methods server_methods tools_called app_label sensor
		;;
	"signatures list --kind") printf '%s\n' host path header method user-agent client ja4 behaviour ;;
	"policy test --auth") printf '%s\n' none bearer basic apikey cookie query-token unknown ;;
	*" --user" | *" --sensor-user") compgen -u ;;
	esac
}

# Whether the option $2 of the command $1 takes a value.
_shadowtap_takes_value()
{
	case "$2" in
	--list) [ "$1" = offers ] ;;
	--help | --quiet | --store-definitions | --changed | --history | --continuous | --no-promiscuous | --write-all | --no-sandbox | --waiting | --all | --acknowledged | --force | --log | --proxy | --tls | \
		--cleartext) return 1 ;;
	-i | -p | --*) return 0 ;;
	*) return 1 ;;
	esac
}

_shadowtap_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_shadowtap()
{
	local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" command="" values
	COMPREPLY=()
	# --option=value arrives in three words: '=' breaks words.
	if [ "$current" = = ]; then
		current=""
	elif [ "$before" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
		before="${COMP_WORDS[COMP_CWORD - 2]}"
	fi
	if [ "$COMP_CWORD" -eq 1 ]; then
		values="live replay query calls ack unack alerts offers findings policy signatures interfaces config --help --version"
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
		return
	fi
	command="${COMP_WORDS[1]}"
	case "$command" in
	policy | signatures | config)
		if [ "$COMP_CWORD" -eq 2 ]; then
			case "$command" in
			policy) values="check test --help" ;;
			signatures) values="check list test --help" ;;
			config) values="check show --help" ;;
			esac
			mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
			return
		fi
		command="$command ${COMP_WORDS[2]}"
		;;
	esac
	if _shadowtap_takes_value "$command" "$before"; then
		values="$(_shadowtap_values "$command" "$before")"
		case "$values" in
		FILE) _shadowtap_files -f "$current" ;;
		DIRECTORY) _shadowtap_files -d "$current" ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
		esac
		return
	fi
	case "$current" in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(_shadowtap_options "$command")" -- "$current") ;;
	*)
		case "$command" in
		replay | "policy check" | "config check" | "config show") _shadowtap_files -f "$current" ;;
		alerts) mapfile -t COMPREPLY < <(compgen -W "list drop" -- "$current") ;;
		"signatures check") _shadowtap_files -d "$current" ;;
		esac
		;;
	esac
}

complete -F _shadowtap shadowtap
