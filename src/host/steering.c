#include "host/steering.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

/* A number that is no socket's makes the kernel fall back to its hash. */
#define FALL_BACK UINT32_MAX

/* Instructions of emit_choice(). */
enum { CHOICE_SIZE = 7 };

static void emit(struct sock_filter *program, size_t *size, struct sock_filter instruction) {
	program[(*size)++] = instruction;
}

/* The datagram matched: the byte's bits name the socket, when there is such a byte. */
static void emit_choice(struct sock_filter *program, size_t *size, uint32_t offset, uint8_t mask,
						unsigned sockets) {
	/* A load beyond the end would end the program with 0, which is a socket: ask first. */
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
	emit(program, size, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, offset, 1, 0));
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, FALL_BACK));
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset));
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets));
	emit(program, size, (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0));
}

size_t steering_compile(const struct steering *steering, unsigned sockets,
						struct sock_filter out_program[static STEERING_PROGRAM_MAX]) {
	size_t size = 0;
	emit(out_program, &size, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
	emit(out_program, &size,
		 (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, sizeof(uint32_t), 1, 0));
	emit(out_program, &size, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, FALL_BACK));
	bool loaded = false;
	for (size_t i = 0; i < steering->count; i++) {
		const struct steering_rule *rule = &steering->rules[i];
		if (!loaded || rule->any)
			emit(out_program, &size, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));
		if (rule->any)
			emit(out_program, &size,
				 (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~rule->any));
		loaded = !rule->any;
		emit(out_program, &size,
			 (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->first_word, 0,
										  CHOICE_SIZE));
		emit_choice(out_program, &size, rule->offset, steering->mask, sockets);
	}
	emit(out_program, &size, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, FALL_BACK));
	return size;
}

enum err steering_attach(int descriptor, const struct steering *steering, unsigned sockets) {
	struct sock_filter code[STEERING_PROGRAM_MAX];
	struct sock_fprog program = {.filter = code};
	program.len = (unsigned short)steering_compile(steering, sockets, code);
	if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program))
		return err_from_errno(errno);
	return ERR_OK;
}
