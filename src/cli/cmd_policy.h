/* What the files of `shadowtap policy` share. */
#ifndef SHADOWTAP_CMD_POLICY_H
#define SHADOWTAP_CMD_POLICY_H

#include "cli.h"
#include "policy_entry.h"

#define TARGET_TEXT 1024
#define DEFAULT_POLICY "policy.json"

extern const char policy_help[];

int64_t policy_now(void);
/* The policy, or NULL after saying why; *ret_code is then what to exit with. */
struct policy *policy_open(const char *path, int *ret_code);
/* What to exit with after argv's element that getopt_long just refused. */
int policy_unknown_option(const char *what, char **argv);

int policy_test(int argc, char **argv);

#endif
