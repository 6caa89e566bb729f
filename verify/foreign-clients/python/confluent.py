"""confluent-kafka (librdkafka) as a foreign client. Prints one JSON object a line, as Kafka's VerifiableConsumer does.

    confluent.py produce BOOTSTRAP TOPIC COUNT [NAME=VALUE ...]     settings of librdkafka
    confluent.py consume BOOTSTRAP TOPIC GROUP [NAME=VALUE ...]     until SIGTERM, then leaves
    confluent.py copy BOOTSTRAP SOURCE TARGET GROUP ID              in transactions, the first one aborted
    confluent.py admin BOOTSTRAP                                    topics, partitions, configs, groups
"""

import json
import signal
import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

WAIT_S = 30


def tell(name, **fields):
    print(json.dumps({"name": name, **fields}), flush=True)


def settings(arguments):
    return dict(argument.split("=", 1) for argument in arguments)


def named(partitions):
    return [{"topic": each.topic, "partition": each.partition} for each in partitions]


def produce(bootstrap, topic, count, *extra):
    producer = Producer({"bootstrap.servers": bootstrap, **settings(extra)})
    failed = []

    def delivered(error, message):
        if error is not None:
            failed.append(str(error))
        else:
            tell("producer_send_success", partition=message.partition(), offset=message.offset())

    for number in range(int(count)):
        headers = {"trace": f"t-{number}"}
        producer.produce(topic, key=f"key-{number}", value=f"value-{number}", headers=headers, callback=delivered)
    left = producer.flush(WAIT_S)
    if failed or left:
        sys.exit(f"{left} left, failed: {failed[:3]}")


def consume(bootstrap, topic, group, *extra):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 200,
        **settings(extra),
    })
    wants_to_leave = []
    signal.signal(signal.SIGTERM, lambda *_: wants_to_leave.append(True))
    consumer.subscribe(
        [topic],
        on_assign=lambda _, partitions: tell("partitions_assigned", partitions=named(partitions)),
        on_revoke=lambda _, partitions: tell("partitions_revoked", partitions=named(partitions)),
    )
    tell("startup_complete")
    while not wants_to_leave:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            tell("error", message=str(message.error()))
            continue
        value = message.value().decode()
        tell("record_data", topic=topic, partition=message.partition(), offset=message.offset(), value=value)
        try:
            consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            tell("error", message=str(error))
    consumer.close()
    tell("shutdown_complete")


def copy(bootstrap, source, target, group, transactional_id):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
    producer.init_transactions(WAIT_S)
    consumer.subscribe([source])
    message = None
    while message is None or message.error():
        message = consumer.poll(0.1)
    after = [TopicPartition(source, message.partition(), message.offset() + 1)]

    producer.begin_transaction()
    producer.produce(target, value=b"aborted")
    producer.flush(WAIT_S)
    producer.send_offsets_to_transaction(after, consumer.consumer_group_metadata(), WAIT_S)
    producer.abort_transaction(WAIT_S)
    tell("committed", offset=consumer.committed(after, WAIT_S)[0].offset)

    producer.begin_transaction()
    producer.produce(target, value=b"committed")
    producer.send_offsets_to_transaction(after, consumer.consumer_group_metadata(), WAIT_S)
    producer.commit_transaction(WAIT_S)
    tell("committed", offset=consumer.committed(after, WAIT_S)[0].offset)

    # A second producer with the same id fences the first one.
    second = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
    second.init_transactions(WAIT_S)
    try:
        producer.begin_transaction()
        producer.produce(target, value=b"late")
        producer.commit_transaction(WAIT_S)
        tell("not_fenced")
    except KafkaException as error:
        tell("fenced", code=error.args[0].name())
    consumer.close()


def admin(bootstrap):
    client = AdminClient({"bootstrap.servers": bootstrap})

    def done(futures):
        return [future.result(WAIT_S) for future in futures.values()]

    def code_of(futures):
        try:
            done(futures)
            return None
        except KafkaException as error:
            return error.args[0].name()

    done(client.create_topics([NewTopic("made", 2, 1, config={"retention.ms": "1000"})]))
    tell("create_again", code=code_of(client.create_topics([NewTopic("made", 2, 1)])))
    done(client.create_partitions([NewPartitions("made", 5)]))
    tell("fewer_partitions", code=code_of(client.create_partitions([NewPartitions("made", 3)])))
    topics = client.list_topics(timeout=WAIT_S).topics
    tell("topics", names=sorted(topics), partitions=len(topics["made"].partitions))
    resource = ConfigResource("topic", "made")
    tell("config", value=done(client.describe_configs([resource]))[0]["retention.ms"].value)
    done(client.alter_configs([ConfigResource("topic", "made", set_config={"retention.ms": "2000"})]))
    tell("config", value=done(client.describe_configs([resource]))[0]["retention.ms"].value)
    groups = client.list_groups(timeout=WAIT_S)
    tell("groups", states={each.id: each.state for each in groups})
    done(client.delete_topics(["made"], operation_timeout=WAIT_S))
    tell("delete_again", code=code_of(client.delete_topics(["made"], operation_timeout=WAIT_S)))


if __name__ == "__main__":
    {"produce": produce, "consume": consume, "copy": copy, "admin": admin}[sys.argv[1]](*sys.argv[2:])
