"""Checks the lab with boto3, the real client, so that it cannot be wrong in our favour.

CLOUDWEIR_LAB_BIN names the binary. Run with:

    CLOUDWEIR_LAB_BIN=target/debug/cloudweir-lab python3 -m unittest discover -s tests/lab
"""

import collections
import gzip
import hashlib
import json
import os
import subprocess
import threading
import time
import unittest
import urllib.parse
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ResponseStreamingError,
)

ACCOUNT = "123456789012"
REGION = "eu-west-1"


class Lab:
    """The `serve` command as a process of its own."""

    def __init__(self, *options):
        binary = os.environ["CLOUDWEIR_LAB_BIN"]
        self.process = subprocess.Popen(
            [binary, "serve", "--account", ACCOUNT, "--region", REGION, *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.endpoint = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=10)
        self.process.stdout.close()
        return status

    def client(self, service, key="AKIATEST", secret="secret", token=None, **config):
        config.setdefault("retries", {"total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(**config),
        )

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def fault(self, operation, kind, **fields):
        times = fields.pop("times", 1)
        resource = fields.pop("resource", None)
        fault = {"operation": operation, "times": times, "fault": {"kind": kind, **fields}}
        if resource is not None:
            fault["resource"] = resource
        return self.request("POST", "/_lab/faults", fault)["id"]


def setUpModule():
    global LAB
    LAB = Lab()


def tearDownModule():
    status = LAB.stop()
    assert status == 0, f"the lab ended with {status}"


class LabTest(unittest.TestCase):
    counter = 0

    def setUp(self):
        self.sqs = LAB.client("sqs")
        self.s3 = LAB.client("s3")
        self.sts = LAB.client("sts")

    def tearDown(self):
        LAB.request("DELETE", "/_lab/faults")
        for client in (self.sqs, self.s3, self.sts):
            client.close()

    def name(self, stem):
        LabTest.counter += 1
        return f"{stem}-{LabTest.counter}"

    def queue(self, name=None, **attributes):
        name = name or self.name("queue")
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, url):
        names = ["QueueArn"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return answer["Attributes"]["QueueArn"]

    def receive(self, url, wait=0, **options):
        options.setdefault("MaxNumberOfMessages", 10)
        options.setdefault("MessageSystemAttributeNames", ["All"])
        answer = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, **options)
        return answer.get("Messages", [])

    def counts(self, url):
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        names = ("", "NotVisible", "Delayed")
        return tuple(int(answer["Attributes"][f"ApproximateNumberOfMessages{n}"]) for n in names)

    def bucket(self):
        name = self.name("bucket")
        location = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
        return name

    def assert_refused(self, code, call, *arguments, status=None, **options):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        if status is not None:
            metadata = caught.exception.response["ResponseMetadata"]
            self.assertEqual(metadata["HTTPStatusCode"], status)
        return caught.exception


class Queues(LabTest):
    def test_create_is_idempotent_and_conflicts_on_other_attributes(self):
        name = self.name("queue")
        url = self.queue(name, VisibilityTimeout="7")
        self.assertEqual(self.queue(name, VisibilityTimeout="7"), url)
        self.assertEqual(self.sqs.get_queue_url(QueueName=name)["QueueUrl"], url)
        with self.assertRaises(self.sqs.exceptions.QueueNameExists):
            self.queue(name, VisibilityTimeout="8")
        self.assertEqual(self.arn(url), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")

    def test_attributes_are_set_and_checked(self):
        url = self.queue()
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "9"})
        wanted = ["VisibilityTimeout", "MessageRetentionPeriod"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
        expected = {"VisibilityTimeout": "9", "MessageRetentionPeriod": "345600"}
        self.assertEqual(answer["Attributes"], expected)
        call = self.sqs.set_queue_attributes
        bad = {"VisibilityTimeout": "43201"}
        self.assert_refused("InvalidAttributeValue", call, QueueUrl=url, Attributes=bad)
        bad = {"NoSuch": "1"}
        self.assert_refused("InvalidAttributeName", call, QueueUrl=url, Attributes=bad)

    def test_a_missing_queue_is_told(self):
        url = f"{LAB.endpoint}/{ACCOUNT}/nowhere"
        for call in (self.sqs.receive_message, self.sqs.purge_queue, self.sqs.delete_queue):
            with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist) as caught:
                call(QueueUrl=url)
            code = caught.exception.response["Error"]["Code"]
            self.assertEqual(code, "AWS.SimpleQueueService.NonExistentQueue")
        with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.get_queue_url(QueueName="nowhere")

    def test_listing_pages_by_prefix(self):
        prefix = self.name("listed")
        urls = [self.queue(f"{prefix}-{i}") for i in range(5)]
        paginator = self.sqs.get_paginator("list_queues")
        pages = paginator.paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
        listed = [url for page in pages for url in page.get("QueueUrls", [])]
        self.assertEqual(sorted(listed), sorted(urls))

    def test_purge_and_delete(self):
        url = self.queue()
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        self.sqs.purge_queue(QueueUrl=url)
        self.assertEqual(self.counts(url), (0, 0, 0))
        self.sqs.delete_queue(QueueUrl=url)
        with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.send_message(QueueUrl=url, MessageBody="a")


class Messages(LabTest):
    def test_a_message_carries_what_was_sent_and_its_system_attributes(self):
        url = self.queue()
        body = 'text "with" <marks> & é 🚰\n'
        before = int(time.time() * 1000) - 2000
        attributes = {
            "origin": {"DataType": "String", "StringValue": "test"},
            "count": {"DataType": "Number", "StringValue": "7"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        sent = self.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
        self.assertEqual(sent["MD5OfMessageBody"], hashlib.md5(body.encode()).hexdigest())
        (message,) = self.receive(url, MessageAttributeNames=["All"])
        self.assertEqual(message["Body"], body)
        self.assertEqual(message["MessageId"], sent["MessageId"])
        self.assertEqual(message["MessageAttributes"], attributes)
        self.assertEqual(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        system = message["Attributes"]
        self.assertEqual(system["ApproximateReceiveCount"], "1")
        self.assertGreater(int(system["SentTimestamp"]), before)
        self.assertGreaterEqual(
            int(system["ApproximateFirstReceiveTimestamp"]), int(system["SentTimestamp"])
        )
        self.assertNotIn("SequenceNumber", system)

    def test_system_attributes_come_only_when_asked_for_by_either_parameter(self):
        for parameter in ("AttributeNames", "MessageSystemAttributeNames"):
            url = self.queue()
            self.sqs.send_message(QueueUrl=url, MessageBody="a")
            answer = self.sqs.receive_message(
                QueueUrl=url, VisibilityTimeout=0, **{parameter: ["SentTimestamp"]}
            )
            self.assertEqual(list(answer["Messages"][0]["Attributes"]), ["SentTimestamp"])
            answer = self.sqs.receive_message(QueueUrl=url)
            self.assertNotIn("Attributes", answer["Messages"][0])

    def test_bad_messages_are_refused(self):
        url = self.queue(MaximumMessageSize="1024")
        send = self.sqs.send_message
        self.assert_refused("InvalidParameterValue", send, QueueUrl=url, MessageBody="x" * 1025)
        self.assert_refused("InvalidMessageContents", send, QueueUrl=url, MessageBody="\x01")
        self.assert_refused("MissingParameter", send, QueueUrl=url, MessageBody="")

    def test_a_delayed_message_is_not_visible(self):
        url = self.queue()
        self.sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=1)
        self.assertEqual(self.counts(url), (0, 0, 1))
        self.assertEqual(self.receive(url), [])
        self.assertEqual(len(self.receive(url, wait=5)), 1)


class Receiving(LabTest):
    def test_redelivery_after_the_timeout_counts_receives(self):
        url = self.queue(VisibilityTimeout="1")
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        (first,) = self.receive(url)
        self.assertEqual(self.receive(url), [])
        self.assertEqual(self.counts(url), (0, 1, 0))
        (second,) = self.receive(url, wait=5)
        self.assertEqual(second["MessageId"], first["MessageId"])
        self.assertNotEqual(second["ReceiptHandle"], first["ReceiptHandle"])
        self.assertEqual(second["Attributes"]["ApproximateReceiveCount"], "2")
        for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
            self.assertEqual(second["Attributes"][name], first["Attributes"][name])

    def test_a_superseded_handle_succeeds_without_deleting(self):
        url = self.queue()
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        (first,) = self.receive(url, VisibilityTimeout=0)
        (second,) = self.receive(url)
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
        self.assertEqual(self.counts(url), (0, 1, 0))
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
        self.assertEqual(self.counts(url), (0, 0, 0))
        # Deleting again succeeds too.
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])

    def test_an_expired_handle_deletes_if_nobody_received_since(self):
        url = self.queue()
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = self.receive(url, VisibilityTimeout=0)
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.assertEqual(self.counts(url), (0, 0, 0))

    def test_handles_that_are_none_are_refused(self):
        url, other = self.queue(), self.queue()
        self.sqs.send_message(QueueUrl=other, MessageBody="a")
        (message,) = self.receive(other)
        for handle in ("nonsense", message["ReceiptHandle"]):
            with self.assertRaises(self.sqs.exceptions.ReceiptHandleIsInvalid):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)

    def test_visibility_is_extended_ended_and_capped(self):
        url = self.queue(VisibilityTimeout="1")
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = self.receive(url)
        handle = message["ReceiptHandle"]
        change = self.sqs.change_message_visibility
        change(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=30)
        # The original timeout of a second passes inside this wait.
        self.assertEqual(self.receive(url, wait=2), [])
        error = self.assert_refused(
            "InvalidParameterValue",
            change,
            QueueUrl=url,
            ReceiptHandle=handle,
            VisibilityTimeout=43200,
        )
        self.assertIn("beyond the limit [43200 seconds]", str(error))
        change(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        with self.assertRaises(self.sqs.exceptions.MessageNotInflight):
            change(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5)
        self.assertEqual(len(self.receive(url)), 1)

    def test_parameters_out_of_range_are_refused(self):
        url = self.queue()
        for options in (
            {"MaxNumberOfMessages": 11},
            {"MaxNumberOfMessages": 0},
            {"WaitTimeSeconds": 21},
            {"VisibilityTimeout": 43201},
        ):
            call = self.sqs.receive_message
            self.assert_refused("InvalidParameterValue", call, QueueUrl=url, **options)

    def test_a_long_poll_wakes_at_once_on_arrival(self):
        url = self.queue()
        received = []

        def poll():
            received.extend(self.receive(url, wait=20))
            received.append(time.monotonic())

        poller = threading.Thread(target=poll)
        poller.start()
        while not self.polling():
            pass
        sent = time.monotonic()
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        poller.join(timeout=10)
        self.assertFalse(poller.is_alive())
        message, woken = received
        self.assertEqual(message["Body"], "a")
        self.assertLess(woken - sent, 1.0)

    def polling(self):
        """Whether a receive has arrived that is not answered yet."""
        operations = LAB.request("GET", "/_lab/state")["operations"]
        arrived = operations.get("sqs:ReceiveMessage", {}).get("calls", 0)
        calls = LAB.request("GET", "/_lab/calls")
        answered = [call for call in calls if call["operation"] == "sqs:ReceiveMessage"]
        return arrived > len(answered)

    def test_an_empty_long_poll_takes_its_time(self):
        url = self.queue()
        start = time.monotonic()
        self.assertEqual(self.receive(url, wait=1), [])
        self.assertGreaterEqual(time.monotonic() - start, 1.0)

    def test_redrive_after_max_receive_count(self):
        dead = self.queue()
        policy = json.dumps({"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": "2"})
        url = self.queue(RedrivePolicy=policy)
        self.sqs.send_message(QueueUrl=url, MessageBody="poison")
        for count in ("1", "2"):
            (message,) = self.receive(url, VisibilityTimeout=0)
            self.assertEqual(message["Attributes"]["ApproximateReceiveCount"], count)
        self.assertEqual(self.receive(url), [])
        self.assertEqual(self.counts(url), (0, 0, 0))
        (letter,) = self.receive(dead)
        self.assertEqual(letter["MessageId"], message["MessageId"])
        self.assertEqual(letter["Body"], "poison")
        # "the number of times a message has been received across all queues"
        self.assertEqual(letter["Attributes"]["ApproximateReceiveCount"], "3")
        self.assertEqual(letter["Attributes"]["DeadLetterQueueSourceArn"], self.arn(url))
        self.assertEqual(
            letter["Attributes"]["SentTimestamp"], message["Attributes"]["SentTimestamp"]
        )
        letters = LAB.request("GET", "/_lab/state")["dead_letters"][dead.rsplit("/", 1)[1]]
        self.assertEqual([letter["body"] for letter in letters], ["poison"])


class Batches(LabTest):
    def entries(self, count):
        return [{"Id": str(i), "MessageBody": f"body {i}"} for i in range(count)]

    def test_ten_messages_go_and_come_in_one_call(self):
        url = self.queue()
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=self.entries(10))
        self.assertEqual(len(sent["Successful"]), 10)
        self.assertNotIn("Failed", sent)
        messages = self.receive(url)
        self.assertEqual(len(messages), 10)
        entries = [
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)
        ]
        entries[3]["ReceiptHandle"] = "nonsense"
        deleted = self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        self.assertEqual(len(deleted["Successful"]), 9)
        (failed,) = deleted["Failed"]
        self.assertEqual((failed["Id"], failed["Code"]), ("3", "ReceiptHandleIsInvalid"))
        self.assertTrue(failed["SenderFault"])
        self.assertEqual(self.counts(url), (0, 1, 0))

    def test_visibility_changes_in_a_batch(self):
        url = self.queue()
        self.sqs.send_message_batch(QueueUrl=url, Entries=self.entries(2))
        entries = [
            {"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0}
            for m in self.receive(url)
        ]
        changed = self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        self.assertEqual(len(changed["Successful"]), 2)
        self.assertEqual(self.counts(url), (2, 0, 0))

    def test_a_batch_is_refused_as_a_whole(self):
        url = self.queue()
        prefix = "AWS.SimpleQueueService."
        cases = [
            ("EmptyBatchRequest", []),
            ("TooManyEntriesInBatchRequest", self.entries(11)),
            ("BatchEntryIdsNotDistinct", self.entries(1) * 2),
            ("InvalidBatchEntryId", [{"Id": "a b", "MessageBody": "x"}]),
            (
                "BatchRequestTooLong",
                [{"Id": str(i), "MessageBody": "x" * 600_000} for i in range(2)],
            ),
        ]
        for code, entries in cases:
            with self.subTest(code):
                call = self.sqs.send_message_batch
                self.assert_refused(prefix + code, call, QueueUrl=url, Entries=entries)
        entries = [{"Id": str(i), "ReceiptHandle": "x"} for i in range(11)]
        with self.assertRaises(self.sqs.exceptions.TooManyEntriesInBatchRequest):
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        self.assertEqual(self.counts(url), (0, 0, 0))


class Fifo(LabTest):
    def fifo(self, **attributes):
        return self.queue(self.name("queue") + ".fifo", FifoQueue="true", **attributes)

    def send(self, url, group, body, **options):
        return self.sqs.send_message(
            QueueUrl=url, MessageGroupId=group, MessageBody=body, **options
        )

    def test_order_group_lock_and_sequence_numbers(self):
        url = self.fifo(ContentBasedDeduplication="true")
        sent = [self.send(url, "a", f"a{i}") for i in range(3)]
        self.send(url, "b", "b0")
        numbers = [int(answer["SequenceNumber"]) for answer in sent]
        self.assertEqual(numbers, sorted(set(numbers)))
        (first,) = self.receive(url, MaxNumberOfMessages=1)
        self.assertEqual(first["Body"], "a0")
        self.assertEqual(first["Attributes"]["SequenceNumber"], sent[0]["SequenceNumber"])
        self.assertEqual(first["Attributes"]["MessageGroupId"], "a")
        self.assertEqual([m["Body"] for m in self.receive(url)], ["b0"])
        self.assertEqual(self.receive(url), [])
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
        self.assertEqual([m["Body"] for m in self.receive(url)], ["a1", "a2"])

    def test_repeats_are_one_message(self):
        url = self.fifo()
        first = self.send(url, "g", "a", MessageDeduplicationId="1")
        again = self.send(url, "g", "b", MessageDeduplicationId="1")
        self.assertEqual(first["MessageId"], again["MessageId"])
        self.assertEqual(first["SequenceNumber"], again["SequenceNumber"])
        self.assertEqual([m["Body"] for m in self.receive(url)], ["a"])
        by_content = self.fifo(ContentBasedDeduplication="true")
        self.send(by_content, "g", "same")
        self.send(by_content, "g", "same")
        self.assertEqual(len(self.receive(by_content)), 1)

    def test_a_handle_expires_with_its_timeout(self):
        url = self.fifo(ContentBasedDeduplication="true")
        self.send(url, "g", "a")
        (message,) = self.receive(url, VisibilityTimeout=0)
        error = self.assert_refused(
            "InvalidParameterValue",
            self.sqs.delete_message,
            QueueUrl=url,
            ReceiptHandle=message["ReceiptHandle"],
        )
        self.assertIn("The receipt handle has expired", str(error))
        self.assertEqual(self.counts(url), (1, 0, 0))

    def test_group_and_deduplication_id_are_required(self):
        url = self.fifo()
        send = self.sqs.send_message
        self.assert_refused("MissingParameter", send, QueueUrl=url, MessageBody="a")
        self.assert_refused(
            "InvalidParameterValue", send, QueueUrl=url, MessageBody="a", MessageGroupId="g"
        )


class Objects(LabTest):
    def test_put_get_and_head_agree(self):
        bucket = self.bucket()
        body = os.urandom(300_000)
        put = self.s3.put_object(
            Bucket=bucket,
            Key="a b/ü+c.bin",
            Body=body,
            ContentType="text/x",
            ContentEncoding="gzip",
            Metadata={"origin": "test"},
        )
        self.assertEqual(put["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        got = self.s3.get_object(Bucket=bucket, Key="a b/ü+c.bin")
        head = self.s3.head_object(Bucket=bucket, Key="a b/ü+c.bin")
        self.assertEqual(got["Body"].read(), body)
        for answer in (got, head):
            self.assertEqual(answer["ContentLength"], len(body))
            self.assertEqual(answer["ETag"], put["ETag"])
            self.assertEqual(answer["ContentType"], "text/x")
            self.assertEqual(answer["ContentEncoding"], "gzip")
            self.assertEqual(answer["Metadata"], {"origin": "test"})
            self.assertLess(abs(answer["LastModified"].timestamp() - time.time()), 60)

    def test_chunked_uploads_are_decoded(self):
        bucket = self.bucket()
        body = os.urandom(200_000)
        for algorithm in ("CRC32", "SHA256"):
            self.s3.put_object(
                Bucket=bucket, Key=algorithm, Body=body, ChecksumAlgorithm=algorithm
            )
            got = self.s3.get_object(Bucket=bucket, Key=algorithm)
            self.assertEqual(got["Body"].read(), body)
            self.assertNotIn("ContentEncoding", got)
        self.s3.upload_fileobj(gzip.io.BytesIO(body), bucket, "streamed")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="streamed")["Body"].read(), body)

    def test_an_empty_object(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="empty", Body=b"")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="empty")["Body"].read(), b"")

    def test_ranges(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
        for header, content, content_range in (
            ("bytes=2-4", b"234", "bytes 2-4/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-2", b"89", "bytes 8-9/10"),
            ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ):
            got = self.s3.get_object(Bucket=bucket, Key="k", Range=header)
            self.assertEqual(got["Body"].read(), content)
            self.assertEqual(got["ContentRange"], content_range)
            self.assertEqual(got["ResponseMetadata"]["HTTPStatusCode"], 206)
        get = self.s3.get_object
        self.assert_refused(
            "InvalidRange", get, status=416, Bucket=bucket, Key="k", Range="bytes=10-"
        )

    def test_if_match(self):
        bucket = self.bucket()
        etag = self.s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
        self.s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)
        get = self.s3.get_object
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"2")
        self.assert_refused("PreconditionFailed", get, Bucket=bucket, Key="k", IfMatch=etag)

    def test_what_is_missing(self):
        bucket = self.bucket()
        with self.assertRaises(self.s3.exceptions.NoSuchKey):
            self.s3.get_object(Bucket=bucket, Key="none")
        with self.assertRaises(self.s3.exceptions.NoSuchBucket):
            self.s3.get_object(Bucket="no-such-bucket", Key="none")
        self.assert_refused("404", self.s3.head_object, Bucket=bucket, Key="none")
        self.assert_refused("404", self.s3.head_bucket, Bucket="no-such-bucket")
        self.s3.head_bucket(Bucket=bucket)
        # Deleting what is not there succeeds.
        self.s3.delete_object(Bucket=bucket, Key="none")

    def test_listing_pages_prefixes_and_delimiters(self):
        bucket = self.bucket()
        keys = [f"logs/2026/{i:03} a+b/é<&>.gz" for i in range(25)]
        for key in [*keys, "other"]:
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        paginator = self.s3.get_paginator("list_objects_v2")
        config = {"PageSize": 10}
        pages = list(paginator.paginate(Bucket=bucket, Prefix="logs/", PaginationConfig=config))
        self.assertEqual([page["KeyCount"] for page in pages], [10, 10, 5])
        listed = [item for page in pages for item in page["Contents"]]
        self.assertEqual([item["Key"] for item in listed], keys)
        self.assertEqual(listed[0]["Size"], 1)
        self.assertEqual(listed[0]["ETag"], f'"{hashlib.md5(b"x").hexdigest()}"')
        top = self.s3.list_objects_v2(Bucket=bucket, Delimiter="/")
        self.assertEqual([p["Prefix"] for p in top["CommonPrefixes"]], ["logs/"])
        self.assertEqual([item["Key"] for item in top["Contents"]], ["other"])
        after = self.s3.list_objects_v2(Bucket=bucket, StartAfter=keys[-1])
        self.assertEqual([item["Key"] for item in after["Contents"]], ["other"])

    def test_buckets_are_addressed_by_host_too(self):
        bucket = self.bucket()
        port = urllib.parse.urlsplit(LAB.endpoint).port
        request = urllib.request.Request(
            f"{LAB.endpoint}/k", data=b"by host", method="PUT"
        )
        request.add_header("Host", f"{bucket}.localhost:{port}")
        urllib.request.urlopen(request).close()
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"by host")

    def test_presigned_urls(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"signed")
        for version in ("s3", "s3v4"):
            client = LAB.client("s3", signature_version=version)
            url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
            with urllib.request.urlopen(url) as answer:
                self.assertEqual(answer.read(), b"signed")
            client.close()

    def test_other_operations_are_not_pretended(self):
        bucket = self.bucket()
        call = self.s3.get_object_tagging
        self.assert_refused("NotImplemented", call, status=501, Bucket=bucket, Key="k")

    def test_a_bucket_goes_only_when_empty(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"")
        self.assert_refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=bucket)
        self.s3.delete_object(Bucket=bucket, Key="k")
        self.s3.delete_bucket(Bucket=bucket)
        self.assert_refused("404", self.s3.head_bucket, Bucket=bucket)


class Notifications(LabTest):
    def configure(self, bucket, url, **filters):
        configuration = {"QueueArn": self.arn(url), "Events": ["s3:ObjectCreated:*"], "Id": "told"}
        if filters:
            rules = [{"Name": name, "Value": value} for name, value in filters.items()]
            configuration["Filter"] = {"Key": {"FilterRules": rules}}
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
        )
        return configuration

    def take(self, url):
        messages = self.receive(url)
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def test_a_test_event_comes_first(self):
        bucket, url = self.bucket(), self.queue()
        self.configure(bucket, url)
        (event,) = self.take(url)
        self.assertEqual(event["Service"], "Amazon S3")
        self.assertEqual(event["Event"], "s3:TestEvent")
        self.assertEqual(event["Bucket"], bucket)
        self.assertEqual(set(event), {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"})

    def test_a_put_is_told_as_s3_does(self):
        bucket, url = self.bucket(), self.queue()
        self.configure(bucket, url)
        self.take(url)
        self.s3.put_object(Bucket=bucket, Key="logs/year=2026/a b+c é.gz", Body=b"12345")
        ((record,),) = [event["Records"] for event in self.take(url)]
        self.assertEqual(record["eventVersion"], "2.1")
        self.assertEqual(record["eventSource"], "aws:s3")
        self.assertEqual(record["awsRegion"], REGION)
        self.assertEqual(record["eventName"], "ObjectCreated:Put")
        self.assertRegex(record["eventTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(record["s3"]["s3SchemaVersion"], "1.0")
        self.assertEqual(record["s3"]["configurationId"], "told")
        self.assertEqual(record["s3"]["bucket"]["name"], bucket)
        self.assertEqual(record["s3"]["bucket"]["arn"], f"arn:aws:s3:::{bucket}")
        item = record["s3"]["object"]
        self.assertEqual(item["key"], "logs/year%3D2026/a+b%2Bc+%C3%A9.gz")
        self.assertEqual(urllib.parse.unquote_plus(item["key"]), "logs/year=2026/a b+c é.gz")
        self.assertEqual(item["size"], 5)
        self.assertEqual(item["eTag"], hashlib.md5(b"12345").hexdigest())
        self.assertRegex(item["sequencer"], r"^[0-9A-F]{18}$")

    def test_sequencers_rise(self):
        bucket, url = self.bucket(), self.queue()
        self.configure(bucket, url)
        self.take(url)
        for body in (b"1", b"2", b"3"):
            self.s3.put_object(Bucket=bucket, Key="k", Body=body)
        sequencers = [
            event["Records"][0]["s3"]["object"]["sequencer"] for event in self.take(url)
        ]
        self.assertEqual(sequencers, sorted(set(sequencers)))
        self.assertEqual(len(sequencers), 3)

    def test_filters_choose_keys(self):
        bucket, url = self.bucket(), self.queue()
        put = self.configure(bucket, url, prefix="logs/", suffix=".gz")
        got = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        (configuration,) = got["QueueConfigurations"]
        rules = [
            (rule["Name"].lower(), rule["Value"])
            for rule in configuration["Filter"]["Key"]["FilterRules"]
        ]
        self.assertEqual(rules, [("prefix", "logs/"), ("suffix", ".gz")])
        self.assertEqual(configuration["QueueArn"], put["QueueArn"])
        self.take(url)
        for key in ("logs/a.gz", "logs/a.txt", "a.gz"):
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"")
        keys = [event["Records"][0]["s3"]["object"]["key"] for event in self.take(url)]
        self.assertEqual(keys, ["logs/a.gz"])

    def test_a_destination_must_exist(self):
        bucket = self.bucket()
        configuration = {
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:nowhere",
            "Events": ["s3:ObjectCreated:*"],
        }
        self.assert_refused(
            "InvalidArgument",
            self.s3.put_bucket_notification_configuration,
            Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": [configuration]},
        )


class Tokens(LabTest):
    def test_the_caller_is_known(self):
        identity = self.sts.get_caller_identity()
        self.assertEqual(identity["Account"], ACCOUNT)
        self.assertTrue(identity["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:"))
        self.assertTrue(identity["UserId"])

    def test_an_assumed_role_is_who_it_says(self):
        role = "arn:aws:iam::210987654321:role/path/collector"
        answer = self.sts.assume_role(RoleArn=role, RoleSessionName="session", DurationSeconds=900)
        credentials = answer["Credentials"]
        self.assertAlmostEqual(credentials["Expiration"].timestamp(), time.time() + 900, delta=5)
        arn = "arn:aws:sts::210987654321:assumed-role/collector/session"
        self.assertEqual(answer["AssumedRoleUser"]["Arn"], arn)
        keys = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        client = LAB.client("sts", *keys, token=credentials["SessionToken"])
        identity = client.get_caller_identity()
        self.assertEqual((identity["Arn"], identity["Account"]), (arn, "210987654321"))
        client.close()
        forged = LAB.client("sts", *keys, token="forged")
        self.assert_refused("InvalidClientTokenId", forged.get_caller_identity, status=403)
        forged.close()

    def test_durations_are_checked(self):
        self.assert_refused(
            "ValidationError",
            self.sts.assume_role,
            RoleArn="arn:aws:iam::210987654321:role/r",
            RoleSessionName="session",
            DurationSeconds=43201,
        )


    def test_the_credentials_of_a_role_expire(self):
        url, bucket = self.queue(), self.bucket()
        role = "arn:aws:iam::210987654321:role/collector"
        answer = self.sts.assume_role(RoleArn=role, RoleSessionName="session")
        credentials = answer["Credentials"]
        keys = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        token = credentials["SessionToken"]
        sqs, s3, sts = (LAB.client(name, *keys, token=token) for name in ("sqs", "s3", "sts"))
        sqs.receive_message(QueueUrl=url)
        LAB.request("POST", "/_lab/expire-sessions")
        self.assert_refused("ExpiredToken", sqs.receive_message, status=403, QueueUrl=url)
        self.assert_refused("ExpiredToken", s3.list_objects_v2, status=400, Bucket=bucket)
        self.assert_refused("ExpiredToken", sts.get_caller_identity, status=403)
        for client in (sqs, s3, sts):
            client.close()


class DeclaredKeysAndRoles(unittest.TestCase):
    ROLE = "arn:aws:iam::210987654321:role/collector"

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("--access-key", "AKIAKNOWN", "--role", f"{cls.ROLE},secret")

    @classmethod
    def tearDownClass(cls):
        cls.lab.stop()

    def refused(self, service, operation, key="AKIAKNOWN", config=(), **options):
        client = self.lab.client(service, key, **dict(config))
        with self.assertRaises(ClientError) as caught:
            getattr(client, operation)(**options)
        client.close()
        return caught.exception.response["Error"]["Code"]

    def test_unknown_and_missing_keys_are_refused_by_each_service(self):
        unsigned = {"signature_version": UNSIGNED}
        for service, operation, unknown, missing in (
            ("sqs", "list_queues", "InvalidClientTokenId", "MissingAuthenticationToken"),
            ("s3", "list_buckets", "InvalidAccessKeyId", "AccessDenied"),
            ("sts", "get_caller_identity", "InvalidClientTokenId", "MissingAuthenticationToken"),
        ):
            self.assertEqual(self.refused(service, operation, "AKIAOTHER"), unknown)
            self.assertEqual(self.refused(service, operation, config=unsigned), missing)

    def test_a_known_key_is_its_user(self):
        sts = self.lab.client("sts", "AKIAKNOWN")
        identity = sts.get_caller_identity()
        self.assertEqual(identity["Arn"], f"arn:aws:iam::{ACCOUNT}:user/akiaknown")
        sts.close()

    def test_only_declared_roles_with_their_external_id_are_assumed(self):
        request = {"RoleArn": self.ROLE, "RoleSessionName": "session"}
        sts = self.lab.client("sts", "AKIAKNOWN")
        sts.assume_role(ExternalId="secret", **request)
        sts.close()
        self.assertEqual(self.refused("sts", "assume_role", **request), "AccessDenied")
        wrong = {**request, "ExternalId": "wrong"}
        self.assertEqual(self.refused("sts", "assume_role", **wrong), "AccessDenied")
        other = {**request, "RoleArn": self.ROLE + "2", "ExternalId": "secret"}
        self.assertEqual(self.refused("sts", "assume_role", **other), "AccessDenied")


class Faults(LabTest):
    def test_throttling_has_each_services_code(self):
        url, bucket = self.queue(), self.bucket()
        LAB.fault("*", "throttle", times=3)
        self.assert_refused("ThrottlingException", self.sqs.receive_message, QueueUrl=url)
        self.assert_refused(
            "SlowDown", self.s3.get_object, status=503, Bucket=bucket, Key="k"
        )
        self.assert_refused("Throttling", self.sts.get_caller_identity)
        self.sts.get_caller_identity()

    def test_the_clients_own_retries_get_over_faults(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        LAB.fault("s3:GetObject", "internal_error", times=2, resource=f"{bucket}/k")
        patient = LAB.client("s3", retries={"total_max_attempts": 3, "mode": "standard"})
        got = patient.get_object(Bucket=bucket, Key="k")
        self.assertEqual(got["Body"].read(), b"x")
        self.assertEqual(got["ResponseMetadata"]["RetryAttempts"], 2)
        patient.close()

    def test_expired_tokens_have_each_services_code(self):
        url, bucket = self.queue(), self.bucket()
        LAB.fault("*", "expired_token", times=3)
        self.assert_refused("ExpiredToken", self.sqs.receive_message, QueueUrl=url, status=403)
        self.assert_refused("ExpiredToken", self.s3.get_object, Bucket=bucket, Key="k")
        self.assert_refused("ExpiredToken", self.sts.get_caller_identity, status=403)

    def test_any_error(self):
        bucket = self.bucket()
        LAB.fault("s3:GetObject", "error", code="AccessDenied", status=403)
        self.assert_refused(
            "AccessDenied", self.s3.get_object, status=403, Bucket=bucket, Key="k"
        )

    def test_a_fault_concerns_only_its_resource(self):
        good, bad = self.queue(), self.queue()
        LAB.fault("sqs:ReceiveMessage", "throttle", times="forever", resource=bad.rsplit("/")[-1])
        self.receive(good)
        for _ in range(3):
            self.assert_refused("ThrottlingException", self.sqs.receive_message, QueueUrl=bad)

    def test_latency(self):
        LAB.fault("sts:GetCallerIdentity", "latency", millis=300)
        start = time.monotonic()
        self.sts.get_caller_identity()
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_a_reset_loses_the_answer_but_not_its_effect(self):
        url = self.queue()
        LAB.fault("sqs:SendMessage", "reset_before_answer")
        with self.assertRaises(ConnectionClosedError):
            self.sqs.send_message(QueueUrl=url, MessageBody="lost")
        self.assertEqual(self.counts(url), (0, 0, 0))
        LAB.fault("sqs:SendMessage", "reset_before_answer", applied=True)
        with self.assertRaises(ConnectionClosedError):
            self.sqs.send_message(QueueUrl=url, MessageBody="arrived")
        self.assertEqual(self.counts(url), (1, 0, 0))

    def read_some(self, bucket):
        """What arrives of the body, and the exception that ends it."""
        stream = self.s3.get_object(Bucket=bucket, Key="k")
        self.assertEqual(stream["ContentLength"], 1_000_000)
        read = b""
        try:
            for chunk in stream["Body"].iter_chunks(1000):
                read += chunk
        except (ResponseStreamingError, IncompleteReadError) as error:
            return read, error
        return read, None

    def test_bodies_that_end_early(self):
        bucket = self.bucket()
        body = os.urandom(1_000_000)
        self.s3.put_object(Bucket=bucket, Key="k", Body=body)
        for kind, fields in (
            ("reset_mid_body", {"after_bytes": 500_000}),
            ("truncated_body", {"bytes": 500_000}),
        ):
            LAB.fault("s3:GetObject", kind, **fields)
            read, error = self.read_some(bucket)
            with self.subTest(kind):
                self.assertIsNotNone(error)
                self.assertEqual(read, body[: len(read)])
                self.assertGreater(len(read), 400_000)
                self.assertLessEqual(len(read), 500_000)
        read, error = self.read_some(bucket)
        self.assertEqual((read, error), (body, None))

    def test_a_short_object_is_consistent(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
        LAB.fault("s3:GetObject", "short_body", bytes=4)
        got = self.s3.get_object(Bucket=bucket, Key="k")
        self.assertEqual((got["ContentLength"], got["Body"].read()), (4, b"0123"))

    def test_chances_follow_their_seed(self):
        def run():
            LAB.request("DELETE", "/_lab/faults")
            LAB.fault("sts:*", "throttle", times={"probability": 0.5, "seed": 11})
            outcomes = []
            for _ in range(20):
                try:
                    self.sts.get_caller_identity()
                    outcomes.append(True)
                except ClientError:
                    outcomes.append(False)
            return outcomes

        first = run()
        self.assertEqual(first, run())
        self.assertEqual(len(collections.Counter(first)), 2)


class State(LabTest):
    def test_state_tells_counters_and_rates(self):
        url = self.queue()
        name = url.rsplit("/", 1)[1]
        for _ in range(3):
            self.sqs.send_message(QueueUrl=url, MessageBody="a")
        (message,) = self.receive(url, MaxNumberOfMessages=1)
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.receive(url, MaxNumberOfMessages=1)
        state = LAB.request("GET", "/_lab/state")
        queue = state["queues"][name]
        counters = {key: queue[key] for key in ("visible", "in_flight", "sent", "deleted")}
        self.assertEqual(counters, {"visible": 1, "in_flight": 1, "sent": 3, "deleted": 1})
        sends = state["operations"]["sqs:SendMessage"]
        self.assertGreaterEqual(sends["calls"], 3)
        self.assertGreaterEqual(sends["busiest_second"], 1)
        last = LAB.request("GET", "/_lab/calls")[-1]
        self.assertEqual(last["operation"], "sqs:ReceiveMessage")
        self.assertEqual((last["resource"], last["status"]), (name, 200))
        self.assertEqual(last["access_key"], "AKIATEST")

    def test_unsigned_calls_are_welcome_without_declared_keys(self):
        bucket = self.bucket()
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        anonymous = LAB.client("s3", signature_version=UNSIGNED)
        self.assertEqual(anonymous.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x")
        anonymous.close()


if __name__ == "__main__":
    unittest.main()
