"""kafka-python as a foreign client. Prints one JSON object a line, as Kafka's VerifiableConsumer does.

    kafka_python.py produce BOOTSTRAP TOPIC COUNT
    kafka_python.py consume BOOTSTRAP TOPIC GROUP       until SIGTERM, then leaves
    kafka_python.py admin BOOTSTRAP GROUP               topics, partitions, configs, groups
"""

import json
import signal
import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import KafkaError

WAIT_S = 30


def tell(name, **fields):
    print(json.dumps({"name": name, **fields}), flush=True)


def produce(bootstrap, topic, count):
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all")
    sent = [
        producer.send(topic, key=f"key-{number}".encode(), value=f"value-{number}".encode(),
                      headers=[("trace", f"t-{number}".encode())])
        for number in range(int(count))
    ]
    for future in sent:
        at = future.get(WAIT_S)
        tell("producer_send_success", partition=at.partition, offset=at.offset)
    producer.close(WAIT_S)


class Telling(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        tell("partitions_assigned", partitions=[{"topic": each.topic, "partition": each.partition} for each in assigned])

    def on_partitions_revoked(self, revoked):
        tell("partitions_revoked", partitions=[{"topic": each.topic, "partition": each.partition} for each in revoked])


def consume(bootstrap, topic, group):
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=200,
    )
    wants_to_leave = []
    signal.signal(signal.SIGTERM, lambda *_: wants_to_leave.append(True))
    consumer.subscribe([topic], listener=Telling())
    tell("startup_complete")
    while not wants_to_leave:
        polled = [record for records in consumer.poll(timeout_ms=100).values() for record in records]
        for record in polled:
            value = record.value.decode()
            tell("record_data", topic=topic, partition=record.partition, offset=record.offset, value=value)
        if not polled:
            continue
        try:
            consumer.commit()
        except KafkaError as error:
            tell("error", message=str(error))
    consumer.close()
    tell("shutdown_complete")


def admin(bootstrap, group):
    client = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))

    def code_of(ask):
        try:
            ask()
            return None
        except KafkaError as error:
            return error.errno

    client.create_topics([NewTopic("made", 2, 1, topic_configs={"retention.ms": "1000"})])
    tell("create_again", code=code_of(lambda: client.create_topics([NewTopic("made", 2, 1)])))
    client.create_partitions({"made": NewPartitions(5)})
    described = next(each for each in client.describe_topics() if each["topic"] == "made")
    tell("topics", names=sorted(client.list_topics()), partitions=len(described["partitions"]))

    resource = ConfigResource(ConfigResourceType.TOPIC, "made", configs={"retention.ms": "2000"})

    def retention():
        answer = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "made")])[0]
        return next(entry[1] for entry in answer.resources[0][4] if entry[0] == "retention.ms")

    tell("config", value=retention())
    client.alter_configs([resource])
    tell("config", value=retention())
    tell("groups", names=[name for name, _ in client.list_consumer_groups()])
    described = client.describe_consumer_groups([group])[0]
    tell("described", state=described.state, members=len(described.members))
    offsets = client.list_consumer_group_offsets(group)
    tell("offsets", total=sum(each.offset for each in offsets.values()))
    tell("delete_groups", codes=[error.errno for _, error in client.delete_consumer_groups([group, "nobody"])])
    client.delete_topics(["made"])
    tell("delete_again", code=code_of(lambda: client.delete_topics(["made"])))
    client.close()


if __name__ == "__main__":
    {"produce": produce, "consume": consume, "admin": admin}[sys.argv[1]](*sys.argv[2:])
