#include "daemon/sandbox_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "base/error.h"

static struct scmp_arg_cmp comparison_of(enum sandbox_comparison how, unsigned argument,
										 uint64_t mask, uint64_t value) {
	uint64_t own = (uint64_t)getpid();
	switch (how) {
	case SANDBOX_MASKED:
		return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value);
	case SANDBOX_DIFFERENT:
		return SCMP_CMP(argument, SCMP_CMP_NE, value, 0);
	case SANDBOX_ABOVE:
		return SCMP_CMP(argument, SCMP_CMP_GT, value, 0);
	case SANDBOX_OWN:
		return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT64_C(0xffffffff), own);
	case SANDBOX_NOT_OWN:
	case SANDBOX_ANY:
		break;
	}
	return SCMP_CMP(argument, SCMP_CMP_NE, own, 0);
}

/* What this processor does not have has a number below zero. */
static int add_row(scmp_filter_ctx filter, uint32_t action, const struct sandbox_call *row) {
	int number = seccomp_syscall_resolve_name(row->name);
	if (number < 0)
		return 0;
	struct scmp_arg_cmp conditions[SANDBOX_CONDITIONS_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i < SANDBOX_CONDITIONS_MAX && row->when[i].how != SANDBOX_ANY; i++)
		conditions[count++] = comparison_of(row->when[i].how, row->when[i].argument,
											row->when[i].mask, row->when[i].value);
	return seccomp_rule_add_array(filter, action, number, count, conditions);
}

static int add_tables(scmp_filter_ctx filter, uint32_t action,
					  const struct sandbox_call *const *tables) {
	int result = 0;
	for (; *tables && result == 0; tables++)
		for (const struct sandbox_call *row = *tables; row->name && result == 0; row++)
			result = add_row(filter, action, row);
	return result;
}

static int load(scmp_filter_ctx filter, uint32_t action, const struct sandbox_call *const *tables) {
	/* Another architecture's calls have other numbers. */
	int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (result == 0)
		result = add_tables(filter, action, tables);
	/* The C library uses clone() then, whose flags can be looked at. */
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* A binary search in place of a long chain; older libraries have the chain. */
	if (result == 0)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return result == 0 ? seccomp_load(filter) : result;
}

static enum err make(uint32_t otherwise, uint32_t action,
					 const struct sandbox_call *const *tables) {
	scmp_filter_ctx filter = seccomp_init(otherwise);
	if (!filter)
		return ERR_NO_MEMORY;
	int result = load(filter, action, tables);
	seccomp_release(filter);
	return result ? err_from_errno(-result) : ERR_OK;
}

enum err sandbox_filter_forbid(const struct sandbox_call *const *tables, bool fatal) {
	return make(SCMP_ACT_ALLOW, fatal ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM), tables);
}

enum err sandbox_filter_allow(const struct sandbox_call *const *tables) {
	return make(SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ALLOW, tables);
}
