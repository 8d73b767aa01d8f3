# Access rules for RabbitMQ with its MQTT plugin, made by `clawbridge broker acl`: run them in a shell where rabbitmqctl
# works, after `rabbitmqctl add_user NAME` for each gateway. In rabbitmq.conf: mqtt.allow_anonymous = false.
# Topics are routing keys of the exchange amq.topic there, with . for /. A user without topic permissions may use every
# topic: give other users of this virtual host theirs, or the gateways a virtual host of their own (-p, mqtt.vhost).

rabbitmqctl set_permissions -p / macbook '^mqtt-subscription-claw-macbook-[0-9a-f]{8}-(sub|pub)qos[01]$' '^(amq\.topic|mqtt-subscription-claw-macbook-[0-9a-f]{8}-(sub|pub)qos[01])$' '^(amq\.topic|mqtt-subscription-claw-macbook-[0-9a-f]{8}-(sub|pub)qos[01])$'
rabbitmqctl set_topic_permissions -p / macbook amq.topic '^(claw\.macbook\..+|claw\.[^.#]+\.[^.#]+\.inbox|claw\.[^.#]+\.[^.#]+\.reply|claw\._all\.hello|me\.[^.#]+|answers\..+)$' '^(claw\.macbook\.[^.#]+\.inbox|claw\.macbook\.[^.#]+\.reply|claw\.[^.#]+\.state|claw\._all\.hello)$'

rabbitmqctl set_permissions -p / imac-2 '^mqtt-subscription-claw-imac-2-[0-9a-f]{8}-(sub|pub)qos[01]$' '^(amq\.topic|mqtt-subscription-claw-imac-2-[0-9a-f]{8}-(sub|pub)qos[01])$' '^(amq\.topic|mqtt-subscription-claw-imac-2-[0-9a-f]{8}-(sub|pub)qos[01])$'
rabbitmqctl set_topic_permissions -p / imac-2 amq.topic '^(claw\.imac-2\..+|claw\.[^.#]+\.[^.#]+\.inbox|claw\.[^.#]+\.[^.#]+\.reply|claw\._all\.hello|me\.[^.#]+|answers\..+)$' '^(claw\.imac-2\.[^.#]+\.inbox|claw\.imac-2\.[^.#]+\.reply|claw\.[^.#]+\.state|claw\._all\.hello)$'
