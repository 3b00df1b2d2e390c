import test from 'ava';
import { parseAcceptRules } from '../../../network/linux/engine-firewall.js';

test('parsePasses returns only bridges with an accept rule for internal traffic', (t) => {
  const text = `-N DOCKER-USER
-A DOCKER-USER -i sh4096 -o sh4096 -j ACCEPT
-A DOCKER-USER -i sh4097 -o sh4098 -j ACCEPT
-A DOCKER-USER -s 10.0.0.0/8 -i sh4099 -o sh4099 -j ACCEPT
-A DOCKER-USER -j RETURN
`;
  t.deepEqual([...parseAcceptRules(text)], ['sh4096']);
});
