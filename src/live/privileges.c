#include "privileges.h"
#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What opening a capture may need: packet sockets, and for some back ends (nflog, wireless monitor mode) the network's
 * administration. CAP_SETPCAP lets the sensor process empty its bounding set; it goes with the rest. */
static const unsigned capture_capabilities[] = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_SETPCAP};

bool privileges_find(const char *name, bool wanted, struct privileges *ret, char error[PRIVILEGES_ERROR_TEXT])
{
	*ret = (struct privileges){getuid(), getgid(), false};
	if (!name)
		return true;
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (!user && wanted)
		snprintf(error, PRIVILEGES_ERROR_TEXT, "no such user: %s", name);
	if (!user)
		return !wanted;
	if (user->pw_uid == getuid() && geteuid() == getuid())
		return true;
	capng_get_caps_process();
	bool may = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID);
	if (!may && wanted)
		snprintf(error, PRIVILEGES_ERROR_TEXT, "to become %s needs root, or CAP_SETUID and CAP_SETGID", name);
	if (!may)
		return !wanted;
	*ret = (struct privileges){user->pw_uid, user->pw_gid, true};
	return true;
}

bool privileges_settle(const struct privileges *p, bool groups, bool capture, char error[PRIVILEGES_ERROR_TEXT])
{
	bool have[sizeof capture_capabilities / sizeof *capture_capabilities];
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (capng_get_caps_process() != 0) {
		snprintf(error, PRIVILEGES_ERROR_TEXT, "cannot read the process's capabilities");
		return false;
	}
	for (size_t i = 0; i < sizeof have / sizeof *have; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, capture_capabilities[i]);
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; capture && i < sizeof have / sizeof *have; i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capture_capabilities[i]);
	int r;
	if (p->change)
		r = capng_change_id((int)p->uid, (int)p->gid,
		                    (groups ? CAPNG_INIT_SUPP_GRP : CAPNG_DROP_SUPP_GRP) | (may_bound ? CAPNG_CLEAR_BOUNDING : 0));
	else
		r = capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	if (r != 0) {
		snprintf(error, PRIVILEGES_ERROR_TEXT, "cannot give up rights (step %d): %s", -r, strerror(errno));
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		snprintf(error, PRIVILEGES_ERROR_TEXT, "cannot set no-new-privs: %s", strerror(errno));
		return false;
	}
	return true;
}
