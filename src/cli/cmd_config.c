/* `shadowtap config`: is a configuration file of `live` right, and what does it come to. Starts nothing. */
#include "capture_filter.h"
#include "live_settings.h"
#include "policy.h"
#include "signature.h"
#include <string.h>
#include <unistd.h>

static const char help_text[] =
	"usage: shadowtap config check FILE\n"
	"       shadowtap config show FILE\n"
	"\n"
	"check  reads the file as 'shadowtap live --config FILE' would, with the policy, the signatures and the filter that it\n"
	"       names, and says what is wrong, by file and line\n"
	"show   prints all settings as they come to, defaults included, in the form of such a file\n"
	"\n"
	"A configuration file has one 'name = value' a line; '#' begins a comment; names are the long options of\n"
	"'shadowtap live --help' without dashes; flags take yes or no; interface, signatures and alert may stand more than once.\n"
	"\n"
	"Exit: 0 nothing is wrong; 2 something is.\n"
	"\n"
	"  shadowtap config check /etc/shadowtap/shadowtap.conf && systemctl restart shadowtap\n";

/* What the settings point at. */
static bool check_files(const struct live_settings *s)
{
	char error[POLICY_ERROR_TEXT > SIGNATURE_ERROR_TEXT ? POLICY_ERROR_TEXT : SIGNATURE_ERROR_TEXT];
	const char *installed[] = {cli_signatures_dir()};
	struct signature_set *set = NULL;
	struct policy *policy = NULL;
	struct capture_filter *filter = NULL;
	bool ok = true;
	if (s->live.policy && policy_load(s->live.policy, &policy, error) != 0) {
		cli_error("%s", error);
		ok = false;
	}
	if (signature_set_load(s->live.n_signatures ? s->signatures : installed,
	                       s->live.n_signatures ? s->live.n_signatures : 1, &set, error) != 0) {
		cli_error("%s", error);
		ok = false;
	}
	if (s->live.sensor.filter && capture_filter_new(s->live.sensor.filter, &filter, error, sizeof error) != 0) {
		cli_error("filter: %s", error);
		ok = false;
	}
	struct alerts_config alerts = s->live.alerts;
	struct alerts *made = NULL;
	char why[ALERTS_ERROR_TEXT];
	alerts.specs = s->alerts;
	alerts.who = (struct alert_sender){s->host, "shadowtap", SHADOWTAP_VERSION, getpid()};
	if (alerts_new(&alerts, &made, why) != 0) {
		cli_error("alert: %s", why);
		ok = false;
	}
	alerts_free(made);
	policy_free(policy);
	signature_set_free(set);
	capture_filter_free(filter);
	return ok;
}

int cmd_config(int argc, char **argv)
{
	static struct live_settings s;
	char error[CONFIG_ERROR_TEXT];
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	bool check = argc == 3 && strcmp(argv[1], "check") == 0;
	if (!check && !(argc == 3 && strcmp(argv[1], "show") == 0))
		return cli_usage("config", "expected 'check FILE' or 'show FILE'");
	live_settings_init(&s);
	bool ok = live_settings_read(&s, argv[2], error);
	if (!ok)
		cli_error("%s", error);
	if (ok && check) {
		ok = live_settings_check(&s, error);
		if (!ok)
			cli_error("%s: %s", argv[2], error);
		ok = check_files(&s) && ok;
		if (ok)
			printf("%s: nothing is wrong\n", argv[2]);
	} else if (ok) {
		live_settings_print(&s, stdout);
	}
	live_settings_done(&s);
	return ok ? EXIT_OK : EXIT_USAGE;
}
