#include "host/steering.h"

#include <errno.h>
#include <sys/socket.h>

/* A number that is no socket's makes the kernel fall back to its hash. */
#define FALL_BACK UINT32_MAX

struct program {
	struct sock_filter *code;
	size_t size;
};

static void statement(struct program *program, uint16_t code, uint32_t value) {
	program->code[program->size++] = (struct sock_filter)BPF_STMT(code, value);
}

/* Skips so many instructions when the condition holds, or does not. */
static void jump(struct program *program, uint16_t condition, uint32_t value, uint8_t if_so,
				 uint8_t if_not) {
	program->code[program->size++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | condition, value, if_so, if_not);
}

/* A load beyond the end would end the program with 0, which is a socket: ask first. */
static void require_size(struct program *program, uint32_t size) {
	statement(program, BPF_LD | BPF_W | BPF_LEN, 0);
	jump(program, BPF_JGE, size, 1, 0);
	statement(program, BPF_RET | BPF_K, FALL_BACK);
}

/* The datagram is the rule's: the byte's bits name the socket. */
static void choose(struct program *program, const struct steering_rule *rule, uint8_t mask,
				   unsigned sockets) {
	uint32_t id_end = rule->id_offset > 0 ? rule->id_offset + (uint32_t)sizeof(uint32_t) : 0;
	require_size(program, id_end > rule->offset ? id_end : rule->offset + 1);
	if (rule->id_offset > 0) {
		statement(program, BPF_LD | BPF_W | BPF_ABS, rule->id_offset);
		jump(program, BPF_JEQ, 0, 0, 1);
		statement(program, BPF_RET | BPF_K, FALL_BACK);
	}
	statement(program, BPF_LD | BPF_B | BPF_ABS, rule->offset);
	statement(program, BPF_ALU | BPF_AND | BPF_K, mask);
	statement(program, BPF_ALU | BPF_MOD | BPF_K, sockets);
	statement(program, BPF_RET | BPF_A, 0);
}

size_t steering_compile(const struct steering *steering, unsigned sockets,
						struct sock_filter out_program[static STEERING_PROGRAM_MAX]) {
	struct program program = {.code = out_program};
	require_size(&program, sizeof(uint32_t));
	statement(&program, BPF_LD | BPF_W | BPF_ABS, 0);
	statement(&program, BPF_MISC | BPF_TAX, 0);
	for (size_t i = 0; i < steering->count; i++) {
		const struct steering_rule *rule = &steering->rules[i];
		statement(&program, BPF_MISC | BPF_TXA, 0);
		statement(&program, BPF_ALU | BPF_AND | BPF_K, rule->mask);
		size_t at = program.size;
		jump(&program, BPF_JEQ, rule->word, 0, 0);
		choose(&program, rule, steering->mask, sockets);
		out_program[at].jf = (uint8_t)(program.size - at - 1);
	}
	statement(&program, BPF_RET | BPF_K, FALL_BACK);
	return program.size;
}

enum err steering_attach(int descriptor, const struct steering *steering, unsigned sockets) {
	if (steering->count > STEERING_RULES_MAX)
		return ERR_LIMIT;
	struct sock_filter code[STEERING_PROGRAM_MAX];
	struct sock_fprog program = {.filter = code};
	program.len = (unsigned short)steering_compile(steering, sockets, code);
	if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program))
		return err_from_errno(errno);
	return ERR_OK;
}
