import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.File;
import java.io.IOException;

/** Tells which node answered and how often this session was here. A file named "broken" makes it answer 500 only. */
public final class Counter extends HttpServlet {
    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.setContentType("text/plain");
        if (new File(System.getProperty("catalina.base"), "broken").exists()) {
            response.setStatus(500);
            response.getWriter().print(request.getLocalAddr() + " broken");
            return;
        }
        if (request.getParameter("sleep") != null) {
            try {
                Thread.sleep(Integer.parseInt(request.getParameter("sleep")));
            } catch (InterruptedException stopped) {
                throw new IOException(stopped);
            }
        }
        int count = request.getParameter("plain") == null ? count(request) : 0;
        response.getWriter().print(request.getLocalAddr() + " " + count);
    }

    private static int count(HttpServletRequest request) {
        HttpSession session = request.getSession();
        synchronized (session) {
            int count = session.isNew() ? 1 : (Integer) session.getAttribute("count") + 1;
            session.setAttribute("count", count);
            if (request.getParameter("end") != null) {
                session.invalidate();
            }
            return count;
        }
    }
}
