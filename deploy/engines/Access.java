import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Makes the topics and access lists that files ask for, in one process: {@code Access ADMIN_PROPERTIES FILE[,FILE…] ENVIRONMENT…}.
 *
 * <p>Lines are {@code topic NAME PARTITIONS [SETTING=VALUE…]} and {@code allow PRINCIPAL KIND NAME OPERATION[,OPERATION…]}; a name that ends
 * in {@code *} is a prefix; {@code @} stands for the environment. What is there already stays as it is. Topics have as many replicas
 * as the broker gives by default ({@code default.replication.factor}).
 */
public final class Access {
    private Access() {}

    public static void main(String[] arguments) throws Exception {
        var settings = new Properties();
        try (var file = new FileInputStream(arguments[0])) {
            settings.load(file);
        }
        var topics = new ArrayList<NewTopic>();
        var access = new ArrayList<AclBinding>();
        var lines = new ArrayList<String>();
        for (String file : arguments[1].split(",")) {
            lines.addAll(Files.readAllLines(Path.of(file)));
        }
        for (String environment : Arrays.asList(arguments).subList(2, arguments.length)) {
            for (String line : lines) {
                var words = line.replace("@", environment).strip().split("\\s+");
                switch (words[0]) {
                    case "topic" -> topics.add(topic(words));
                    case "allow" -> access.addAll(bindings(words));
                    case "", "#" -> { }
                    default -> throw new IllegalArgumentException("not understood: " + line);
                }
            }
        }
        try (var admin = Admin.create(settings)) {
            admin.createAcls(access).all().get();
            for (var made : admin.createTopics(topics).values().values()) {
                try {
                    made.get();
                } catch (ExecutionException failed) {
                    if (!(failed.getCause() instanceof TopicExistsException)) {
                        throw failed;
                    }
                }
            }
            // A broker knows a moment later what the controller has made: whoever comes next must find it.
            var names = topics.stream().map(NewTopic::name).toList();
            while (!admin.listTopics().names().get().containsAll(names)) {
                Thread.sleep(20);
            }
        }
    }

    private static NewTopic topic(String[] words) {
        var settings = new HashMap<String, String>();
        for (int i = 3; i < words.length; i++) {
            var setting = words[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        var partitions = Optional.of(Integer.parseInt(words[2]));
        return new NewTopic(words[1], partitions, Optional.empty()).configs(settings);
    }

    private static List<AclBinding> bindings(String[] words) {
        boolean prefix = words[3].endsWith("*");
        var name = prefix ? words[3].substring(0, words[3].length() - 1) : words[3];
        var pattern = new ResourcePattern(
                ResourceType.valueOf(words[2]), name, prefix ? PatternType.PREFIXED : PatternType.LITERAL);
        var bindings = new ArrayList<AclBinding>();
        for (String operation : words[4].split(",")) {
            bindings.add(new AclBinding(
                    pattern,
                    new AccessControlEntry(
                            "User:" + words[1], "*", AclOperation.valueOf(operation), AclPermissionType.ALLOW)));
        }
        return bindings;
    }
}
