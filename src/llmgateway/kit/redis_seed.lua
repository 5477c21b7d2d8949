-- seed: a missing counter gets its value for so many seconds; what is known stays. KEYS: counter. ARGV: value, seconds.
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) and 1 or 0
