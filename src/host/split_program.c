#include "host/split_program.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/cleanup.h"

enum { LOOPBACK = 1 /* its index, in every network namespace */ };

/* Registers: r0 is the result, r1 the context; 1 lets pass, 0 refuses. */
#define SET(register, value) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (register), .imm = (int32_t)(value) }
#define LOAD(register, member) \
	{ .code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = (register), .src_reg = 1, .off = (member) }
#define STORE(register, member) \
	{ .code = BPF_STX | BPF_W | BPF_MEM, .dst_reg = 1, .src_reg = (register), .off = (member) }
#define SKIP_IF_EQUAL(register, value, count)                                       \
	{                                                                               \
		.code = BPF_JMP32 | BPF_JEQ | BPF_K, .dst_reg = (register), .off = (count), \
		.imm = (int32_t)(value),                                                    \
	}
#define EXIT \
	{ .code = BPF_JMP | BPF_EXIT }

static int call(int command, union bpf_attr *attributes) {
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static enum err explain(int number) {
	if (number == EINVAL || number == ENOSYS || number == EOPNOTSUPP)
		return ERR_UNSUPPORTED;
	return err_from_errno(number);
}

static enum err attach(int group, enum bpf_prog_type type, enum bpf_attach_type where,
					   const struct bpf_insn *instructions, size_t count) {
	static const char licence[] = "MIT", name[] = "umbra_split";
	union bpf_attr load;
	memset(&load, 0, sizeof load);
	load.prog_type = type;
	load.expected_attach_type = where;
	load.insns = (uintptr_t)instructions;
	load.insn_cnt = (uint32_t)count;
	load.license = (uintptr_t)licence;
	memcpy(load.prog_name, name, sizeof name);
	auto_close int program = call(BPF_PROG_LOAD, &load);
	if (program < 0)
		return explain(errno);
	union bpf_attr attaching;
	memset(&attaching, 0, sizeof attaching);
	attaching.target_fd = (uint32_t)group;
	attaching.attach_bpf_fd = (uint32_t)program;
	attaching.attach_type = where;
	return call(BPF_PROG_ATTACH, &attaching) < 0 ? explain(errno) : ERR_OK;
}

enum err split_program_mark(int group, uint32_t mark) {
	const struct bpf_insn instructions[] = {
		SET(2, mark),
		STORE(2, offsetof(struct bpf_sock, mark)),
		SET(0, 1),
		EXIT,
	};
	return attach(group, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, instructions,
				  sizeof instructions / sizeof *instructions);
}

enum err split_program_keep(int group, uint32_t interface) {
	const struct bpf_insn instructions[] = {
		LOAD(2, offsetof(struct __sk_buff, ifindex)),
		SET(0, 1),
		SKIP_IF_EQUAL(2, LOOPBACK, 2),
		SKIP_IF_EQUAL(2, interface, 1),
		SET(0, 0),
		EXIT,
	};
	return attach(group, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, instructions,
				  sizeof instructions / sizeof *instructions);
}
