/* A login that decodes encodes to the same bytes and keeps its bounds. */
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/process_login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t again[PROCESS_LOGIN_SIZE_MAX];
	struct process_login login;
	size_t made = 0;
	if (process_login_decode(data, size, &login))
		return 0;
	expect(login.user.size > 0 && login.user.size <= PROCESS_LOGIN_USER_MAX);
	expect(login.password.size <= PROCESS_LOGIN_PASSWORD_MAX);
	expect(login.by_certificate || login.password.size > 0);
	expect(process_login_encode(&login, again, &made) == ERR_OK);
	expect(made == size && memcmp(again, data, size) == 0);
	return 0;
}
